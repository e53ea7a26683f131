"""Verification holds for what was run, and fails for anything altered since."""

from __future__ import annotations

import json
import shutil
import sqlite3
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from pixelproof.data import ImageSet, load_data
from pixelproof.errors import RunError
from pixelproof.jobs.verify import Verification
from pixelproof.models import load_model
from pixelproof.runs import Record, RunStore
from pixelproof.runs.database import FILE
from pixelproof.runs.distances import pixel_distances
from pixelproof.runs.identity import run_identity
from pixelproof.runs.record import Manifest
from pixelproof.runs.table import columns, row_digest, sealed, to_row
from tiny_run import TINY_RECORDS, found_in, run_tiny
from verify_kit import verified

pytestmark = pytest.mark.slow

SUCCESS = "WHERE success = 1 AND inherited_from IS NULL"  # the first of these is altered
FAILURE = "WHERE success = 0"


@pytest.fixture(scope="module")
def model():
    return load_model("zoo:lenet")


@pytest.fixture(scope="module")
def data() -> ImageSet:
    return load_data("bundled")


@pytest.fixture
def check(model, data) -> Callable[..., Verification]:
    def run(folder: Path, images: ImageSet | None = data) -> Verification:
        with RunStore.open(folder) as store:
            return verified(store, model, images)

    return run


@contextmanager
def _altering(folder: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(folder / FILE, isolation_level=None)
    yield connection
    connection.close()


def _first(db: sqlite3.Connection, where: str) -> int:
    return db.execute(f"SELECT id FROM records {where} ORDER BY id").fetchone()[0]


def test_a_finished_run_holds(check, finished):
    outcome = check(finished)
    assert outcome.holds
    images = found_in(finished)
    assert 0 < images < TINY_RECORDS
    assert (outcome.records, outcome.images, outcome.problems, outcome.unchecked) == (TINY_RECORDS, images, (), ())


def test_without_the_data_it_says_what_was_not_checked(check, finished):
    outcome = check(finished, None)
    assert outcome.holds
    assert "data is not at hand" in outcome.unchecked[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    "options", [{"independent_levels": True}, {"target": "next"}, {"search": "de", "attacks": ["few-pixel"]}], ids=str
)
def test_other_runs_hold(check, tmp_path, options):
    run_tiny(tmp_path / "run", **options).close()
    assert check(tmp_path / "run").holds


def test_an_unfinished_run_holds_as_far_as_it_goes(check, run_copy):
    with _altering(run_copy) as db:
        db.execute("DELETE FROM images WHERE record = (SELECT max(id) FROM records)")
        db.execute("DELETE FROM records WHERE id = (SELECT max(id) FROM records)")
    _seal(run_copy, status="running")
    outcome = check(run_copy)
    assert (outcome.records, outcome.problems) == (TINY_RECORDS - 1, ())


def test_a_record_taken_away_is_noticed(check, run_copy):
    with _altering(run_copy) as db:
        db.execute("DELETE FROM images WHERE record = (SELECT max(id) FROM records)")
        db.execute("DELETE FROM records WHERE id = (SELECT max(id) FROM records)")
    assert "Records were added or taken away after the run was finished." in check(run_copy).problems


# Everything that can be altered is noticed.

COLUMNS = {
    "sample": "sample + 1000",
    "label": "(label + 1) % 10",
    "constraint": "'threshold-2'",
    "threshold": "threshold + 1",
    "method": "'de'",
    "parameters": "'norm=l2'",
    "target": "5",
    "success": "1 - success",
    "inherited_from": "1",
    "predicted": "(predicted + 1) % 10",
    "clean_confidence": "clean_confidence - 0.001",
    "confidence": "confidence - 0.001",
    "margin": "margin - 0.001",
    "queries": "queries - 1",
    "gave_up": "1 - gave_up",
    "restarts": "restarts + 1",
    "l0": "coalesce(l0, 0) + 1",
    "l1": "coalesce(l1, 0) + 1",
    "l2": "coalesce(l2, 0.0) + 0.5",
    "linf": "coalesce(linf, 0) + 1",
    "seconds": "seconds / 2",
    "seed": "seed + 1",
    "gradient_steps": "gradient_steps + 1",
    "swept": "swept + 1",
    "digest": "'0'",
}


def test_every_column_is_altered_below():
    assert [*COLUMNS] == [*columns(Record), "digest"]


@pytest.mark.slow
@pytest.mark.parametrize("where", [SUCCESS, FAILURE])
@pytest.mark.parametrize("column", COLUMNS)
def test_an_altered_column(check, run_copy, column, where):
    with _altering(run_copy) as db:
        key = _first(db, where)
        db.execute(f'UPDATE records SET "{column}" = {COLUMNS[column]} WHERE id = ?', (key,))
    assert not check(run_copy).holds
    assert not check(run_copy, None).holds


def _change_byte(db: sqlite3.Connection, table: str, column: str, key: str, row: int) -> None:
    (blob,) = db.execute(f"SELECT {column} FROM {table} WHERE {key} = ?", (row,)).fetchone()
    pixels = bytearray(zlib.decompress(blob))
    pixels[100] ^= 1
    db.execute(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", (zlib.compress(bytes(pixels)), row))


def _names(**others: str) -> str:
    return ", ".join(others.get(name, f'"{name}"') for name in columns(Record))


ALTERATIONS: dict[str, Callable[[sqlite3.Connection], object]] = {
    "a byte of a clean image": lambda db: _change_byte(db, "clean", "pixels", "sample", 0),
    "a byte of an adversarial image": lambda db: _change_byte(
        db, "images", "difference", "record", _first(db, SUCCESS)
    ),
    "a clean image cut short": lambda db: db.execute("UPDATE clean SET pixels = x'00' WHERE sample = 0"),
    "an adversarial image of another size": lambda db: db.execute(
        "UPDATE images SET difference = ? WHERE record = ?", (zlib.compress(b"12"), _first(db, SUCCESS))
    ),
    "a record deleted": lambda db: db.execute("DELETE FROM records WHERE id = ?", (_first(db, FAILURE),)),
    "a success deleted": lambda db: db.executescript(
        f"DELETE FROM images WHERE record = {_first(db, SUCCESS)};DELETE FROM records WHERE id = {_first(db, SUCCESS)}"
    ),
    "an image deleted": lambda db: db.execute("DELETE FROM images WHERE record = ?", (_first(db, SUCCESS),)),
    "a clean image deleted": lambda db: db.execute("DELETE FROM clean WHERE sample = 0"),
    "a record added": lambda db: db.execute(
        f"INSERT INTO records SELECT NULL, {_names(threshold='7')}, digest FROM records "
        f"WHERE id = {_first(db, FAILURE)}"
    ),
    "an image added to a failure": lambda db: db.execute(
        "INSERT INTO images SELECT kind, ?, difference FROM images LIMIT 1", (_first(db, FAILURE),)
    ),
    "two images swapped": lambda db: _swap(db),
    "two clean images swapped": lambda db: db.executescript(
        "UPDATE clean SET sample = -1 WHERE sample = 0;"
        "UPDATE clean SET sample = 0 WHERE sample = 1;"
        "UPDATE clean SET sample = 1 WHERE sample = -1"
    ),
}


def _swap(db: sqlite3.Connection) -> None:
    found = db.execute(f"SELECT id FROM records {SUCCESS} AND \"constraint\" = 'few-pixel' ORDER BY id").fetchall()
    (a,), (b,) = found[:2]
    db.execute("UPDATE images SET record = -1 WHERE record = ?", (a,))
    db.execute("UPDATE images SET record = ? WHERE record = ?", (a, b))
    db.execute("UPDATE images SET record = ? WHERE record = -1", (b,))


@pytest.mark.parametrize("alteration", ALTERATIONS)
def test_an_altered_image_or_record(check, run_copy, alteration):
    with _altering(run_copy) as db:
        before = db.total_changes
        ALTERATIONS[alteration](db)
        assert db.total_changes > before
    assert not check(run_copy).holds
    assert not check(run_copy, None).holds


MANIFEST = {
    "identity": lambda value: "0" * 64,
    "status": lambda value: "running",
    "job": lambda value: "perturb",
    "spec": lambda value: {**value, "data": "cifar10:other"},
    "settings": lambda value: {**value, "seed": 1},
    "model": lambda value: {**value, "right": value["right"] + 1},
    "data": lambda value: {**value, "class_names": value["class_names"][::-1]},
    "selection": lambda value: {**value, "considered": value["considered"] - 1},
    "findings": lambda value: value[1:] or [{"name": "new", "severity": "info", "message": "New."}],
    "environment": lambda value: {**value, "torch": "1.0"},
    "details": lambda value: {**value, "steps": ["another"]},
    "timings": lambda value: {**value, "seconds": 0.1},
    "contents": lambda value: "0" * 64,
    "seal": lambda value: "0" * 64,
}


def test_every_key_of_the_manifest_is_altered(finished):
    with _altering(finished) as db:
        assert {key for (key,) in db.execute("SELECT key FROM manifest")} == {*MANIFEST, "format_version"}


@pytest.mark.parametrize("key", MANIFEST)
def test_an_altered_manifest(check, run_copy, key):
    with _altering(run_copy) as db:
        (text,) = db.execute("SELECT value FROM manifest WHERE key = ?", (key,)).fetchone()
        changed = MANIFEST[key](json.loads(text))
        assert changed != json.loads(text)
        db.execute("UPDATE manifest SET value = ? WHERE key = ?", (json.dumps(changed), key))
    outcome = check(run_copy, None)
    assert "The manifest was altered after it was written." in outcome.problems


@pytest.mark.parametrize("key", [*MANIFEST, "format_version"])
def test_a_manifest_without_one_key(check, run_copy, key):
    with _altering(run_copy) as db:
        db.execute("DELETE FROM manifest WHERE key = ?", (key,))
    try:
        assert not check(run_copy, None).holds
    except RunError:
        assert key != "seal"  # then it cannot even be read


@pytest.mark.parametrize("settings", [{}, {"searches": 7}, {"searches": [{}]}, {"searches": [7]}])
def test_settings_that_cannot_be_read(check, run_copy, settings):
    with _altering(run_copy) as db:
        db.execute("UPDATE manifest SET value = ? WHERE key = 'settings'", (json.dumps(settings),))
    assert "The settings of the run cannot be read." in check(run_copy).problems


# Someone who also computes the digests again still cannot claim what is not so.


def _seal(folder: Path, **changes: object) -> None:
    """Put ``changes`` into the manifest and make all digests fit again, as a forger would."""
    with RunStore.open(folder, write=True) as run:
        for record in run.records():
            digest = row_digest(to_row(record), (run.clean(record.sample), run.image(record)))
            run._db.execute(
                'UPDATE records SET digest = ? WHERE sample = ? AND "constraint" = ? AND method = ? AND threshold = ?',
                (digest, record.sample, record.constraint, record.method, record.threshold),
            )
        values = run._manifest_values()
        values.pop("seal")
        values |= {"contents": run._contents(), **changes}
        rows = [(key, json.dumps(value)) for key, value in [*values.items(), ("seal", sealed(values))]]
        run._db.executemany("INSERT OR REPLACE INTO manifest VALUES (?, ?)", rows)
        assert run.altered() == []


def _put_image(db: sqlite3.Connection, key: int, image: np.ndarray, clean: np.ndarray, distances: bool = True) -> None:
    blob = zlib.compress((image - clean).tobytes())
    db.execute("INSERT OR REPLACE INTO images VALUES ('records', ?, ?)", (key, blob))
    if distances:
        new = pixel_distances(image, clean)
        sets = ", ".join(f"{name} = ?" for name in new)
        db.execute(f"UPDATE records SET {sets} WHERE id = ?", (*new.values(), key))


def _read(folder: Path, key: int) -> tuple[Manifest, np.ndarray, np.ndarray | None, int]:
    with RunStore.open(folder) as run:
        (sample, attack, threshold) = run._db.execute(
            'SELECT sample, "constraint", threshold FROM records WHERE id = ?', (key,)
        ).fetchone()
        record = next(r for r in run.records() if (r.sample, r.constraint, r.threshold) == (sample, attack, threshold))
        return run.manifest, run.clean(sample), run.image(record), record.label


def _problems(check, folder: Path, **changes: object) -> str:
    _seal(folder, **changes)
    return "\n".join(check(folder).problems)


def test_forged_and_unchanged_holds(check, run_copy):
    assert _problems(check, run_copy) == ""


def test_forged_threshold(check, run_copy):
    with _altering(run_copy) as db:
        key = _first(db, SUCCESS + " AND \"constraint\" = 'few-pixel' AND threshold = 10")
        db.execute("UPDATE records SET threshold = 3 WHERE id = ?", (key,))
    manifest, *_ = _read(run_copy, key)
    settings = json.loads(json.dumps(manifest.settings).replace('"threshold": 10', '"threshold": 3'))
    identity = run_identity(
        manifest.job, settings, manifest.model.fingerprint, manifest.model.kind, manifest.data.sha256
    )
    text = _problems(check, run_copy, settings=settings, identity=identity)
    assert "breaks its threshold" in text


def test_forged_threshold_and_nothing_else(check, run_copy):
    with _altering(run_copy) as db:
        key = _first(db, SUCCESS + " AND \"constraint\" = 'few-pixel' AND threshold = 10")
        db.execute("UPDATE records SET threshold = 3 WHERE id = ?", (key,))
    text = _problems(check, run_copy)
    assert "breaks its threshold" in text
    assert "few-pixel 3, pixel-process, has a record but was not asked for" in text
    assert "few-pixel 10, pixel-process, has no record" in text


def test_forged_label(check, run_copy):
    with _altering(run_copy) as db:
        key = _first(db, SUCCESS)
        db.execute("UPDATE records SET label = (label + 1) % 10 WHERE id = ?", (key,))
    assert "is not that of the selection" in _problems(check, run_copy)


def test_forged_label_everywhere(check, run_copy):
    with _altering(run_copy) as db:
        manifest, _, _, label = _read(run_copy, _first(db, SUCCESS))
        (sample,) = db.execute("SELECT sample FROM records WHERE id = ?", (_first(db, SUCCESS),)).fetchone()
        db.execute("UPDATE records SET label = ? WHERE sample = ?", ((label + 1) % 10, sample))
    chosen = asdict(manifest.selection)
    k = chosen["samples"].index(sample)
    chosen["labels"] = [(label + 1) % 10 if j == k else other for j, other in enumerate(chosen["labels"])]
    text = _problems(check, run_copy, selection=chosen)
    assert f"The clean image or the label of sample {sample} is not that of the data." in text
    assert f"The model does not classify the clean sample {sample} as its label" in text


@pytest.mark.parametrize("distances", [True, False])
def test_forged_image(check, run_copy, distances):
    """The adversarial image replaced by the clean one."""
    with _altering(run_copy) as db:
        key = _first(db, SUCCESS)
        _, clean, _, _ = _read(run_copy, key)
        _put_image(db, key, clean, clean, distances)
    text = _problems(check, run_copy)
    assert "The model does not answer" in text
    assert ("The distances" in text) != distances


def test_forged_image_of_the_clean_class(check, run_copy):
    with _altering(run_copy) as db:
        key = _first(db, SUCCESS)
        _, clean, _, _ = _read(run_copy, key)
        _put_image(db, key, clean, clean)
        db.execute("UPDATE records SET predicted = label, confidence = clean_confidence WHERE id = ?", (key,))
    assert "The predicted class of" in _problems(check, run_copy)


def test_forged_clean_image(check, run_copy):
    with _altering(run_copy) as db:
        _change_byte(db, "clean", "pixels", "sample", 0)
    assert "The clean image or the label of sample 0 is not that of the data." in _problems(check, run_copy)


def test_forged_image_too_far_away(check, run_copy):
    with _altering(run_copy) as db:
        key = _first(db, SUCCESS + " AND \"constraint\" = 'threshold'")
        _, clean, image, _ = _read(run_copy, key)
        far = image.copy()
        far[0, 0, 0] = 255 if clean[0, 0, 0] < 128 else 0
        _put_image(db, key, far, clean)
    assert "breaks its threshold" in _problems(check, run_copy)


@pytest.mark.parametrize("distance", ["l0", "l1", "l2", "linf"])
def test_forged_distances(check, run_copy, distance):
    with _altering(run_copy) as db:
        db.execute(f"UPDATE records SET {distance} = {distance} / 2 WHERE id = ?", (_first(db, SUCCESS),))
    assert "The distances of" in _problems(check, run_copy)


def test_forged_prediction(check, run_copy):
    with _altering(run_copy) as db:
        key = _first(db, SUCCESS)
        (label, predicted) = db.execute("SELECT label, predicted FROM records WHERE id = ?", (key,)).fetchone()
        other = next(k for k in range(10) if k not in (label, predicted))
        db.execute("UPDATE records SET predicted = ? WHERE id = ?", (other, key))
    assert f"The model does not answer {other}" in _problems(check, run_copy)


def test_forged_confidence(check, run_copy):
    with _altering(run_copy) as db:
        db.execute("UPDATE records SET confidence = confidence / 2 WHERE id = ?", (_first(db, SUCCESS),))
    assert "The confidence of" in _problems(check, run_copy)


def test_forged_success_without_an_image(check, run_copy):
    with _altering(run_copy) as db:
        key = _first(db, FAILURE)
        db.execute("UPDATE records SET success = 1, predicted = (label + 1) % 10 WHERE id = ?", (key,))
    assert "but no image is stored" in _problems(check, run_copy)


def test_forged_success_with_the_clean_image(check, run_copy):
    with _altering(run_copy) as db:
        key = _first(db, FAILURE)
        _, clean, _, _ = _read(run_copy, key)
        _put_image(db, key, clean, clean)
        db.execute("UPDATE records SET success = 1, predicted = (label + 1) % 10 WHERE id = ?", (key,))
    assert "The model does not answer" in _problems(check, run_copy)


def test_forged_failure_that_keeps_its_image(check, run_copy):
    with _altering(run_copy) as db:
        db.execute("UPDATE records SET success = 0 WHERE id = ?", (_first(db, SUCCESS),))
    assert "yet an image or a distance is stored" in _problems(check, run_copy)


def test_forged_target(check, run_copy):
    with _altering(run_copy) as db:
        key = _first(db, SUCCESS)
        db.execute("UPDATE records SET target = (predicted + 1) % 10 WHERE id = ?", (key,))
    text = _problems(check, run_copy)
    assert "is no success" in text
    assert "is not that of the settings" in text


@pytest.mark.slow
def test_forged_lack_of_a_target(check, tmp_path):
    run_tiny(tmp_path / "run", target="next").close()
    with _altering(tmp_path / "run") as db:
        db.execute("UPDATE records SET target = NULL")
    assert "is not that of the settings" in _problems(check, tmp_path / "run")


def test_forged_attack(check, run_copy):
    with _altering(run_copy) as db:
        db.execute("UPDATE records SET \"constraint\" = 'any-pixel' WHERE id = ?", (_first(db, SUCCESS),))
    assert "there is no such constraint" in _problems(check, run_copy)


@pytest.mark.parametrize("shift", [-1, 1])
def test_forged_number_of_images_considered(check, run_copy, shift):
    with RunStore.open(run_copy) as store:
        selection = asdict(store.manifest.selection)
    selection["considered"] += shift
    assert "images considered" in _problems(check, run_copy, selection=selection)


def test_forged_completeness(check, run_copy):
    with _altering(run_copy) as db:
        db.execute("DELETE FROM records WHERE id = ?", (_first(db, FAILURE),))
    assert "has no record" in _problems(check, run_copy)


def test_forged_settings(check, run_copy):
    with RunStore.open(run_copy) as run:
        settings = {**run.manifest.settings, "fitness": "confidence"}
    assert "identity does not follow" in _problems(check, run_copy, settings=settings)


def test_forged_model(check, run_copy):
    with RunStore.open(run_copy) as run:
        card = {**asdict(run.manifest.model), "fingerprint": "0" * 64}
    assert "The model is not the one of the run" in _problems(check, run_copy, model=card)


def test_a_run_that_was_copied_elsewhere_holds(check, finished, tmp_path):
    shutil.copytree(finished, tmp_path / "other" / "place")
    assert check(tmp_path / "other" / "place").holds
