"""The run file: what goes in comes out, all of a commit or nothing, and the identity."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pixelproof.errors import RunError
from pixelproof.jobs.assess_spec import make_spec, resolve
from pixelproof.runs import DataCard, Finding, Manifest, ModelCard, Record, RunStore, Selection
from pixelproof.runs.database import FILE, LOCK
from pixelproof.runs.distances import pixel_distances
from pixelproof.runs.identity import run_identity
from tiny_run import contents

SHAPES = [(4, 4, 3), (9, 7, 1), (3, 8, 3), (1, 1, 1), (2, 5, 4)]


def _manifest(shape: tuple[int, int, int], samples: int = 3) -> Manifest:
    return Manifest(
        job="assess",
        identity="0123",
        status="running",
        spec={"model": "zoo:lenet", "range": None},
        settings={"searches": [{"constraint": "few-pixel", "threshold": 3, "method": "de"}], "seed": 7},
        model=ModelCard("net", "logits", "abcd", 10, 9),
        data=DataCard("set", "ef01", 10, shape, ("cat", "dog")),
        selection=Selection("the first", 5, tuple(range(0, 2 * samples, 2)), (0, 1, 0)[:samples]),
        findings=(Finding("low-accuracy", "warning", "It is low."),),
        environment={"python": "3.11"},
    )


def _clean(shape: tuple[int, int, int], samples: int = 3) -> dict[int, np.ndarray]:
    rng = np.random.default_rng(0)
    return {2 * k: rng.integers(0, 256, shape).astype(np.uint8) for k in range(samples)}


def _record(sample: int, clean: np.ndarray, image: np.ndarray | None, threshold: int = 3) -> Record:
    distances = dict.fromkeys(("l0", "l1", "l2", "linf")) if image is None else pixel_distances(image, clean)
    return Record(
        sample=sample,
        label=0,
        constraint="few-pixel",
        threshold=threshold,
        method="de",
        parameters="",
        target=None,
        success=image is not None,
        inherited_from=None,
        predicted=int(image is not None),
        clean_confidence=0.75,
        confidence=1 / 3,
        margin=float("inf") if image is None else -0.1,
        queries=17,
        gave_up=False,
        restarts=0,
        seconds=0.5,
        seed=2**63 - 1,
        **distances,
    )


@pytest.fixture(params=SHAPES, ids=str)
def shape(request):
    return request.param


@pytest.mark.parametrize("on_disk", [True, False])
def test_what_goes_in_comes_out(tmp_path, shape, on_disk):
    clean = _clean(shape)
    image = 255 - clean[2]  # every value changes, in both directions
    outcomes = [(_record(0, clean[0], None), None), (_record(2, clean[2], image), image)]
    folder = tmp_path / "a" / "b" if on_disk else None
    run = RunStore.create(folder, _manifest(shape), clean)
    run.commit(outcomes)
    if folder is not None:
        run.close()
        assert {path.name for path in folder.iterdir()} == {FILE, LOCK}
        run = RunStore.open(folder)
    with run:
        assert run.manifest == _manifest(shape)
        assert run.records() == [record for record, _ in outcomes]
        assert all(np.array_equal(run.clean(sample), clean[sample]) for sample in clean)
        assert run.image(outcomes[0][0]) is None
        assert np.array_equal(run.image(outcomes[1][0]), image)
        assert run.altered() == []


def test_after_every_commit_the_file_alone_is_the_whole_run(tmp_path):
    shape = SHAPES[0]
    clean = _clean(shape)
    with RunStore.create(tmp_path / "run", _manifest(shape), clean) as run:
        for count, sample in enumerate((0, 2), 1):
            run.commit([(_record(sample, clean[sample], None), None)])
            copied = tmp_path / f"copy {count}"
            copied.mkdir()
            shutil.copy(tmp_path / "run" / FILE, copied)
            with RunStore.open(copied) as copy:
                assert len(copy.records()) == count
                assert copy.altered() == []


def test_a_damaged_clean_image_is_told_of_where_no_record_has_it_in_its_digest(tmp_path):
    shape = (4, 4, 3)
    clean = _clean(shape)
    with RunStore.create(tmp_path, _manifest(shape), clean) as run:
        run.commit([(_record(0, clean[0], None), None)])
    with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as db:
        db.execute("UPDATE clean SET pixels = zeroblob(20) WHERE sample = 2")
    with RunStore.open(tmp_path) as run:
        (said,) = run.altered()
        assert said.startswith("An image of sample 2 in ")


def test_pages_that_no_query_reads_are_looked_at(tmp_path):
    shape = (4, 4, 3)
    clean = _clean(shape)
    with RunStore.create(tmp_path, _manifest(shape), clean) as run:
        run.commit([(_record(0, clean[0], None), None)])
    with closing(sqlite3.connect(tmp_path / FILE)) as db:
        ((size,),) = db.execute("PRAGMA page_size")
        ((page,),) = db.execute("SELECT rootpage FROM sqlite_master WHERE type = 'index' AND tbl_name = 'steps'")
    with open(tmp_path / FILE, "r+b") as file:
        file.seek((page - 1) * size)
        file.write(bytes(size))
    with RunStore.open(tmp_path) as run:
        assert len(run.records()) == 1
        (said,) = run.altered()
        assert said.startswith("The database is damaged (")


def test_records_come_in_a_fixed_order(tmp_path):
    shape = (4, 4, 3)
    clean = _clean(shape)
    with RunStore.create(tmp_path, _manifest(shape), clean) as run:
        for sample, threshold in [(4, 3), (0, 3), (2, 1), (4, 1), (2, 3), (0, 1)]:
            run.commit([(_record(sample, clean[sample], None, threshold), None)])
        assert [(r.threshold, r.sample) for r in run.records()] == [(1, 0), (1, 2), (1, 4), (3, 0), (3, 2), (3, 4)]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, sqlite3.OperationalError("disk is full")])
def test_of_a_commit_that_breaks_nothing_is_there(tmp_path, error):
    shape = (4, 4, 3)
    clean = _clean(shape)

    def breaking():
        yield _record(2, clean[2], 255 - clean[2]), 255 - clean[2]
        raise error

    with RunStore.create(tmp_path, _manifest(shape), clean) as run:
        run.commit([(_record(0, clean[0], None), None)])
        before = contents(run)
        with pytest.raises(RunError if isinstance(error, sqlite3.Error) else error):
            run.commit(breaking())
        assert contents(run) == before
        run.commit([(_record(2, clean[2], 255 - clean[2]), 255 - clean[2])])  # and it goes on
    with RunStore.open(tmp_path) as run:
        assert len(run.records()) == 2
        assert run.altered() == []


def test_a_record_is_written_once(tmp_path):
    shape = (4, 4, 3)
    clean = _clean(shape)
    with RunStore.create(tmp_path, _manifest(shape), clean) as run:
        run.commit([(_record(0, clean[0], None), None)])
        with pytest.raises(RunError, match="UNIQUE"):
            run.commit([(_record(2, clean[2], None), None), (_record(0, clean[0], None), None)])
        assert len(run.records()) == 1


def test_what_is_handed_out_cannot_change_the_run(tmp_path):
    shape = (4, 4, 3)
    clean = _clean(shape)
    with RunStore.create(tmp_path, _manifest(shape), clean) as run:
        with pytest.raises(ValueError, match="read-only"):
            run.clean(0)[0] = 1
        with pytest.raises(AttributeError):
            run.manifest.status = "finished"  # type: ignore[misc]
        run.manifest.settings["seed"] = 8
        assert run.manifest.settings["seed"] == 7


def test_a_folder_holds_one_run(tmp_path):
    shape = (4, 4, 3)
    RunStore.create(tmp_path, _manifest(shape), _clean(shape)).close()
    with pytest.raises(RunError, match="already holds a run"):
        RunStore.create(tmp_path, _manifest(shape), _clean(shape))


def test_what_a_killed_process_left_of_a_beginning_is_in_nobodys_way(tmp_path):
    (tmp_path / f"{FILE}.partial").write_bytes(b"half a file")
    with RunStore.create(tmp_path, _manifest((4, 4, 3)), _clean((4, 4, 3))) as run:
        assert run.altered() == []
    assert {path.name for path in tmp_path.iterdir()} == {FILE, LOCK}


def test_findings_and_timings_add_up(tmp_path):
    with RunStore.create(tmp_path, _manifest((4, 4, 3)), _clean((4, 4, 3))) as run:
        run.add_findings([Finding("low-accuracy", "warning", "It is low."), Finding("new", "info", "It is new.")])
        assert [finding.name for finding in run.manifest.findings] == ["low-accuracy", "new"]
        run.add_timings({"seconds": 1.5}, finished=False)
        run.add_timings({"seconds": 2.0, "queries": 10}, finished=True)
        assert run.manifest.timings == {"seconds": 3.5, "queries": 10.0}
        assert run.manifest.status == "finished"
        assert run.altered() == []


def test_distances_by_hand():
    clean = np.array([[[0, 0, 0], [10, 20, 30]]], np.uint8)
    image = np.array([[[255, 0, 0], [10, 16, 33]]], np.uint8)
    assert pixel_distances(image, clean) == {"l0": 2, "l1": 262, "l2": (255**2 + 16 + 9) ** 0.5, "linf": 255}


# Identity.

SHAPE = (32, 32, 3)


def _identity(model: str = "abcd", data: str = "ef01", device: str = "cpu", **options: object) -> str:
    spec = make_spec(**{"model": "zoo:lenet", "data": "bundled", **options})
    return run_identity("assess", resolve(spec, SHAPE, device).as_dict(), model, "logits", data)


@pytest.mark.parametrize(
    "options",
    [
        {"seed": 1},
        {"levels": [1, 3, 5]},
        {"attacks": ["few-pixel"]},
        {"search": "de"},
        {"preset": "standard"},
        {"preset": "paper"},
        {"max_queries": 999},
        {"independent_levels": True},
        {"target": "next"},
        {"target": "3"},
        {"fitness": "confidence"},
        {"precision": "bfloat16"},
        {"samples": 100},
        {"shuffle": 0},
        {"model": "dcba"},
        {"data": "10ef"},
        {"device": "cuda"},
    ],
    ids=str,
)
def test_identity_depends_on_what_changes_the_result(options):
    assert _identity(**options) != _identity()


@pytest.mark.parametrize(
    "options",
    [
        {"levels": [10, 1, 5, 3, 3]},  # levels are a set
        {"max_queries": 1000},  # what the preset says
        {"trust_code": True},
    ],
    ids=str,
)
def test_identity_depends_on_nothing_else(options):
    assert _identity(**options) == _identity()


def test_identity_does_not_depend_on_how_things_are_spelled():
    settings = [
        resolve(make_spec(model=model, data=data, device=device), SHAPE, "cpu").as_dict()
        for model, data, device in [("zoo:lenet", "bundled", "auto"), ("net.py:load", "npz:x.npz", "cpu")]
    ]
    assert settings[0] == settings[1]


def test_identity_is_fixed():
    """A run made by an earlier version must still be known: change ``IDENTITY_VERSION`` on purpose only."""
    assert run_identity("assess", {"seed": 0, "searches": []}, "abcd", "logits", "ef01") == (
        "4d433f2862456cef7cd6f956a76ce4a8c51c2c8f5ef8fe00e1602d0ff29eecad"
    )


def test_every_setting_is_in_the_identity():
    settings = resolve(make_spec(model="m", data="d"), SHAPE, "cpu")
    base = run_identity("assess", settings.as_dict(), "", "logits", "")
    for name in settings.as_dict():
        changed = {**settings.as_dict(), name: "changed"}
        assert run_identity("assess", changed, "", "logits", "") != base
    search = settings.searches[0]
    for name in vars(search):
        changed = replace(settings, searches=(replace(search, **{name: "changed"}), *settings.searches[1:]))  # type: ignore[assignment]
        assert run_identity("assess", changed.as_dict(), "", "logits", "") != base  # type: ignore[attr-defined]


def test_opening_needs_a_run(tmp_path: Path):
    with pytest.raises(RunError, match="holds no run"):
        RunStore.open(tmp_path)
