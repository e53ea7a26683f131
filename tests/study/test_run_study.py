"""A study as a whole: what lies where, going on after an interruption, and doing nothing twice."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pixelproof.errors import InputError, RunError
from pixelproof.jobs.assess import AssessJob
from pixelproof.jobs.transfer import TransferJob
from pixelproof.plans.study.plan import TRANSFER, run_study
from pixelproof.plans.study.scoreboard import rows
from pixelproof.plans.study.spec import STUDY_ROLES, StudySpec
from pixelproof.plans.study.view import StudyView
from pixelproof.results.study.transfer import CleanRecord, TransferRecord
from pixelproof.runs import RunStore
from pixelproof.runs.database import FILE
from pixelproof.runs.progress import Listener
from pixelproof.zoo.registry import ZOO
from plan_cases import FOLDERS, LABELS
from tiny_run import Cli, contents, run_tiny

pytestmark = pytest.mark.slow

Conducted = tuple[Path, StudyView]


def changed(spec: StudySpec, **more: list[dict[str, str]]) -> StudySpec:
    """``spec`` with more networks or defences."""
    values = spec.model_dump()
    return StudySpec(**{**values, **{key: [*values[key], *entries] for key, entries in more.items()}})


def stored(out: Path) -> dict[str, list[object]]:
    """The records and images of every run in ``out``, by the folder's place."""
    found = {}
    for path in sorted(out.glob("runs/*/*")):
        with RunStore.open(path) as run:
            found[str(path.relative_to(out))] = contents(run)
    return found  # type: ignore[return-value]


def answered(out: Path) -> dict[str, object]:
    """The answers in every run of transfers in ``out``, by the folder's place."""
    found = {}
    for path in sorted((out / TRANSFER).glob("*/*")):
        with RunStore.open(path) as run:
            found[str(path.relative_to(out))] = run.of(TransferRecord), run.of(CleanRecord), run.manifest.status
    return found  # type: ignore[return-value]


def test_every_network_has_four_runs_that_verify(conducted: Conducted, cli: Cli) -> None:
    out, view = conducted
    places = [f"runs/{folder}/{role}" for folder in FOLDERS for role in STUDY_ROLES]
    assert sorted(stored(out)) == sorted([*places, "runs/false-adversarial/lenet"])
    assert [run.place for run in view.runs] == [f"study/{place}" for place in places]
    assert [run.assessed.label for run in view.runs] == [label for label in LABELS for _ in STUDY_ROLES]
    assert [run.assessed.role for run in view.runs] == list(STUDY_ROLES) * 3
    assert view.finished
    for place in (*places[-4:], "runs/false-adversarial/lenet", "transfer/lenet/lenet-bits-3"):
        assert cli("verify", out / place).code == 0


def test_a_network_without_weights_is_named_and_left_out(
    spec: StudySpec, conducted: Conducted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ZOO, "unborn", ZOO["lenet"])
    said: list[str] = []
    out, before = conducted
    defence = {"of": "lenet", "model": "zoo:unborn", "name": "hard training"}
    view = run_study(changed(spec, networks=[{"model": "zoo:unborn"}], defences=[defence]), out, say=said.append)
    assert said == list(view.absent.values())
    how = "train it: pixelproof train unborn --data cifar10:ROOT --out DIR."
    assert said == [
        f"unborn is left out, as it has no weights here; {how}",
        f"lenet + hard training is left out, as unborn has no weights here; {how}",
    ]
    assert rows(view) == rows(before)
    alone = StudySpec(data="bundled", networks=[{"model": "zoo:unborn"}])
    with pytest.raises(InputError, match=r"None of unborn has weights here; train at least one of them: .*\.$"):
        run_study(alone, out)


def test_progress_names_the_run_and_its_place_among_all(spec: StudySpec, tmp_path: Path) -> None:
    names: list[str] = []

    @contextmanager
    def stop_at_second(name: str) -> Iterator[Listener]:
        names.append(name)
        if len(names) == 2:
            raise KeyboardInterrupt
        yield lambda _: None

    with pytest.raises(KeyboardInterrupt):
        run_study(spec, tmp_path / "out", show=stop_at_second)
    assert names == ["lenet · levels (1 of 12)", "lenet · de (2 of 12)"]


@pytest.mark.long
def test_interrupted_anywhere_it_goes_on_and_ends_equal(spec: StudySpec, conducted: Conducted, tmp_path: Path) -> None:
    out = tmp_path / "study"
    calls = 0

    @contextmanager
    def break_off(_: str) -> Iterator[Listener]:
        def listen(_: object) -> None:
            nonlocal calls
            calls += 1
            if calls % 23 == 0:
                raise KeyboardInterrupt

        yield listen

    interruptions = 0
    while True:
        try:
            view = run_study(spec, out, show=break_off)
            break
        except KeyboardInterrupt:
            interruptions += 1
    assert interruptions > 3
    whole, before = conducted
    assert stored(out) == stored(whole)
    assert answered(out) == answered(whole)
    assert rows(view) == rows(before)


def test_a_second_call_does_nothing_anew(
    spec: StudySpec, conducted: Conducted, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, before = conducted

    def never(*_: object) -> None:
        raise AssertionError("it was done again")

    monkeypatch.setattr(RunStore, "create", never)
    monkeypatch.setattr(RunStore, "commit", never)
    for job in (AssessJob, TransferJob):
        monkeypatch.setattr(job, "begin", never)
        monkeypatch.setattr(job, "work", never)
    assert rows(run_study(spec, out)) == rows(before)


def test_one_more_network_asks_only_what_is_missing(
    spec: StudySpec, conducted: Conducted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, view = conducted
    out = Path(shutil.copytree(whole, tmp_path / "study"))
    shutil.rmtree(out / TRANSFER / "lenet" / "lenet-bits-3")
    asked: list[str] = []
    work = TransferJob.work

    def noted(job: TransferJob, *rest: Any) -> Any:
        asked.append(job.label)
        return work(job, *rest)

    monkeypatch.setattr(TransferJob, "work", noted)
    assert rows(run_study(spec, out)) == rows(view)
    assert asked == ["zoo:lenet, transfer"]
    assert answered(out) == answered(whole)


@pytest.mark.parametrize("content", [b"", b"no database", b"SQLite format 3\x00 cut short"])
def test_answers_that_cannot_be_read_are_named(
    spec: StudySpec, conducted: Conducted, tmp_path: Path, content: bytes
) -> None:
    whole, _ = conducted
    out = Path(shutil.copytree(whole, tmp_path / "study"))
    place = out / TRANSFER / "lenet" / "lenet-bits-3"
    (place / FILE).write_bytes(content)
    with pytest.raises(RunError, match=r"lenet-bits-3/run.sqlite is not a pixelproof run, or it is damaged"):
        run_study(spec, out)


def test_runs_of_another_study_are_refused(spec: StudySpec, conducted: Conducted) -> None:
    out, _ = conducted
    with pytest.raises(RunError, match=r"lenet/levels holds another run .*choose another --out\.$"):
        run_study(spec.model_copy(update={"seed": 1}), out)


def test_a_run_is_no_study(spec: StudySpec, tmp_path: Path) -> None:
    run_tiny(tmp_path / "run", samples=1, levels=(1,), max_queries=2).close()
    with pytest.raises(RunError, match="holds a run, not a study"):
        run_study(spec, tmp_path / "run")


def test_mistakes_are_found_before_anything_is_run(spec: StudySpec, tmp_path: Path) -> None:
    for trouble, broken in {
        "--trust-code": changed(spec, networks=[{"model": "nowhere.py:f"}]),
        "alexnet": changed(spec, networks=[{"model": "zoo:alexnet"}]),
        "no defence 'blur'": changed(spec, defences=[{"of": "lenet", "defence": "blur"}]),
    }.items():
        with pytest.raises(InputError, match=trouble):
            run_study(broken, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_too_few_samples_of_the_last_network_are_found_first(spec: StudySpec, tmp_path: Path) -> None:
    few = StudySpec(**{**spec.model_dump(), "range": (0, 8), "samples": 7, "defences": []})
    broken = changed(few, defences=[{"of": "lenet", "defence": "bits(1)"}])
    trouble = (
        r"^lenet \+ bits\(1\): 7 samples are asked for, but only \d of the 8 images .*; lower samples or widen range\.$"
    )
    with pytest.raises(InputError, match=trouble):
        run_study(broken, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_images_too_large_for_minimal_thresholds(tmp_path: Path) -> None:
    np.savez(tmp_path / "large.npz", images=np.zeros((2, 80, 80, 3), np.uint8), labels=[0, 1])
    study = StudySpec(data=f"npz:{tmp_path / 'large.npz'}", networks=[{"model": "zoo:lenet"}])
    with pytest.raises(
        InputError, match=r"images of up to 4096 positions .*, not 80×80×3; assess each network and use"
    ):
        run_study(study, tmp_path / "out")


def test_transfer_of_a_network_to_its_twin_is_whole(conducted: Conducted) -> None:
    """Two names of one network: what fools the one fools the other."""
    _, view = conducted
    cells = {(cell.source, cell.target, cell.attack): cell for cell in view.transfers}
    assert len(cells) == 3 * 3 * 2
    for source in LABELS[:2]:
        for target in LABELS[:2]:
            assert all(cells[source, target, attack].whole for attack in ("few-pixel", "threshold"))
    assert cells["lenet + bits(3)", "lenet + bits(3)", "few-pixel"].whole
    searched = {run.assessed.label: run.assessed.fooled for run in view.runs if run.assessed.role == "minimal"}
    twin = [row for row in view.fast if row.target == LABELS[1]]
    assert len(twin) == 8
    for row in twin:
        assert row.fooled.successes >= searched["lenet"][row.attack, row.threshold].successes
        assert row.target not in row.sources
