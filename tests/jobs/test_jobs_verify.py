"""Every kind of run verifies, and whatever is altered in it is found."""

from __future__ import annotations

import json
import shutil
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from benchmarks.torture.alterations import changed

from kinds import COLUMNS, KINDS, RECORDS
from pixelproof.data import load_data
from pixelproof.errors import RunError
from pixelproof.jobs.open import open_model, spec_of
from pixelproof.runs import RunStore
from pixelproof.runs.database import FILE
from pixelproof.runs.table import columns
from tiny_run import Cli
from verify_kit import verified

pytestmark = pytest.mark.slow

#: Tables that are empty in these runs; what is altered in them is found by tests of proofs and of probabilities.
ELSEWHERE = {"certificates", "failure_probabilities"}
STEPPED = [kind for kind, (job, _) in KINDS.items() if job != "assess"]


def problems(folder: Path) -> tuple[str, ...]:
    """What ``verify`` finds without the data, which is what a forger hopes for."""
    try:
        with RunStore.open(folder) as run:
            return verified(run, open_model(spec_of(run, trust_code=False)), None).problems
    except RunError as error:
        return (str(error),)


def altered(folder: Path) -> bool:
    """Whether the digests alone tell."""
    try:
        with RunStore.open(folder) as run:
            return bool(run.manifest and run.altered())
    except RunError:
        return True


@pytest.fixture
def database(kinds: dict[str, Path], tmp_path: Path):
    """Gives the folder of a copy of a run of a kind, and a connection that is none of the store's."""
    opened = []

    def copy(kind: str) -> tuple[Path, sqlite3.Connection]:
        folder = Path(shutil.copytree(kinds[kind], tmp_path / "copy"))
        connection = sqlite3.connect(folder / FILE, isolation_level=None)
        opened.append(connection)
        return folder, connection

    yield copy
    for connection in opened:
        connection.close()


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_verifies(kinds: dict[str, Path], cli: Cli, kind: str):
    answer = cli("verify", kinds[kind])
    assert (answer.code, answer.err) == (0, "")
    assert "verified" in answer.out
    assert problems(kinds[kind]) == ()


@pytest.mark.parametrize("kind", KINDS)
def test_every_column_of_the_database_is_altered_below(kinds: dict[str, Path], kind: str):
    with closing(sqlite3.connect(kinds[kind] / FILE)) as db:
        tables = {table for (table,) in db.execute("SELECT kind FROM kinds")} - ELSEWHERE
        found = {
            (kind, table, row[1])
            for table in tables
            for row in db.execute(f"PRAGMA table_info({table})")
            if row[1] != "id"
        }
        assert all(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables)
    assert found == {each for each in COLUMNS if each[0] == kind}
    assert tables == {record.TABLE for record in RECORDS[KINDS[kind][0]]}


def _other(value: Any) -> Any:
    """Something else of the same type."""
    if value is None:
        return 1
    if isinstance(value, str):
        try:
            return json.dumps([json.loads(value)])
        except ValueError:
            return value + "1"
    return value + (1 if isinstance(value, int) else 0.5)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "table", "column"), COLUMNS)
def test_every_altered_column_of_every_row_is_found(database: Any, kind: str, table: str, column: str):
    folder, db = database(kind)
    rows = db.execute(f'SELECT id, "{column}" FROM {table}').fetchall()
    assert rows
    for number, (key, value) in enumerate(rows):
        try:
            db.execute(f'UPDATE {table} SET "{column}" = ? WHERE id = ?', (_other(value), key))
        except sqlite3.IntegrityError:  # a key that is there already
            db.execute(f'UPDATE {table} SET "{column}" = ? WHERE id = ?', (10**6, key))
        assert altered(folder)
        assert number or problems(folder)
        db.execute(f'UPDATE {table} SET "{column}" = ? WHERE id = ?', (value, key))
    assert not altered(folder)


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The places of all plain values, and of empty containers."""
    if isinstance(value, dict) and value:
        for key, each in value.items():
            yield from _leaves(each, (*path, key))
    elif isinstance(value, list) and value:
        for key, each in enumerate(value):
            yield from _leaves(each, (*path, key))
    else:
        yield path


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_every_altered_value_of_the_manifest_is_found(database: Any, kind: str):
    folder, db = database(kind)
    for key, text in db.execute("SELECT key, value FROM manifest").fetchall():
        value = json.loads(text)
        for number, path in enumerate(_leaves(value)):
            db.execute("UPDATE manifest SET value = ? WHERE key = ?", (json.dumps(changed(value, path)), key))
            assert altered(folder), (key, path)
            if number == 0 and key not in ("spec", "job"):  # which verification itself needs to begin
                assert problems(folder), key
        db.execute("UPDATE manifest SET value = ? WHERE key = ?", (text, key))
    assert not altered(folder)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("transfer-clean", "audit")])
def test_every_altered_image_is_found(database: Any, kind: str):
    folder, db = database(kind)
    places = [("images", "difference", "rowid"), ("clean", "pixels", "rowid")]
    count = 0
    for table, column, key in places:
        for place, blob in db.execute(f"SELECT {key}, {column} FROM {table}").fetchall():
            pixels = bytearray(zlib.decompress(blob))
            pixels[len(pixels) // 2] ^= 1
            for other in (zlib.compress(bytes(pixels)), blob[:-1], b""):
                db.execute(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", (other, place))
                assert altered(folder) or problems(folder)
            db.execute(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", (blob, place))
            count += 1
    assert count
    assert not altered(folder)


@pytest.mark.parametrize("kind", ["levels", "attacks", "minimal", "perturb"])
def test_an_image_that_is_gone_is_found(database: Any, kind: str):
    folder, db = database(kind)
    db.execute("DELETE FROM images WHERE rowid = (SELECT min(rowid) FROM images)")
    assert problems(folder)


@pytest.mark.parametrize("kind", STEPPED)
def test_a_step_that_is_gone_or_was_added_is_found(database: Any, kind: str):
    folder, db = database(kind)
    for (step,) in db.execute("SELECT step FROM steps").fetchall():
        db.execute("DELETE FROM steps WHERE step = ?", (step,))
        assert f"The step {step} is missing." in problems(folder)
        db.execute("INSERT INTO steps VALUES (?)", (step,))
    assert problems(folder) == ()
    db.execute("INSERT INTO steps VALUES ('another')")
    assert "The step another is there but was not planned." in problems(folder)


@pytest.mark.parametrize("kind", ["levels", "attacks", "minimal"])
def test_a_record_that_is_gone_is_found(database: Any, kind: str):
    folder, db = database(kind)
    db.execute("DELETE FROM images WHERE record = 1")
    db.execute("DELETE FROM records WHERE id = 1")
    assert any("has no record" in problem for problem in problems(folder))


@pytest.mark.slow
def test_the_data_are_checked_for_every_kind_that_has_them(kinds: dict[str, Path], cli: Cli, tmp_path: Path):
    data = load_data("bundled")
    import numpy as np

    images = data.images.copy()
    images[0, 0, 0] ^= 1
    np.savez(tmp_path / "other.npz", images=images, labels=data.labels)
    for kind in KINDS:
        if kind != "transfer":
            answer = cli("verify", kinds[kind], "--data", f"npz:{tmp_path / 'other.npz'}")
            assert answer.code == 1, kind
            assert "The data is not that of the run" in answer.out


def test_columns_are_those_of_the_records():
    assert {table: column for _, table, column in COLUMNS}.keys() == {
        record.TABLE for kinds in RECORDS.values() for record in kinds
    }
    assert all(columns(record) for kinds in RECORDS.values() for record in kinds)
