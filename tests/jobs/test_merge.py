"""Parts of a job, measured apart, as the one run of all: equal to it, or one sentence on why not."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path

import pytest

from one_sentence import one_sentence
from pixelproof.data import load_data
from pixelproof.errors import InputError, RunError
from pixelproof.jobs.assess import AssessJob
from pixelproof.jobs.assess_spec import make_spec
from pixelproof.jobs.merge import merge
from pixelproof.jobs.open import job_of, open_assessment
from pixelproof.jobs.runner import run_job
from pixelproof.jobs.split import ranges
from pixelproof.results.document import document
from pixelproof.runs import Certificate, RunStore
from pixelproof.runs.database import FILE
from tiny_run import Cli, contents

pytestmark = pytest.mark.slow

Cuts = list[tuple[int, int]]
STOP = 110
#: Three cohorts of 32 samples that learn from each other, the last not full; successes and failures.
JOB = {
    "model": "zoo:lenet",
    "data": "bundled",
    "range": (0, STOP),
    "samples": "all",
    "attacks": ("threshold",),
    "levels": (1, 3),
    "max_queries": 12,
    "batch_size": 16,
}


def _run(out: Path, **options: object) -> Path:
    run_job(open_assessment(make_spec(**{**JOB, **options})), out).close()
    return out


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _run(tmp_path_factory.mktemp("whole") / "run")


@pytest.fixture(scope="module")
def cuts() -> Cuts:
    return ranges(open_assessment(make_spec(**JOB)), 3)


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory, cuts: Cuts) -> list[Path]:
    folder = tmp_path_factory.mktemp("parts")
    return [_run(folder / str(number), range=limits) for number, limits in enumerate(cuts)]


Merge = Callable[..., Path]


@pytest.fixture
def merged(tmp_path: Path) -> Merge:
    def make(folders: list[Path], **moved: str) -> Path:
        runs = [RunStore.open(folder) for folder in folders]
        try:
            merge(runs, tmp_path / "merged", False, **moved)
        finally:
            for run in runs:
                run.close()
        return tmp_path / "merged"

    return make


def _equal(folder: Path, other: Path) -> bool:
    """Whether two runs are equal in all but where and how long they were made."""
    with RunStore.open(folder) as one, RunStore.open(other) as two:
        first, second = (asdict(run.manifest) for run in (one, two))
        for manifest in (first, second):  # a record's digest holds its seconds, and the contents those of all
            manifest |= {"timings": None, "environment": None, "contents": None}
        levels = [document(run)["levels"] for run in (one, two)]
        return first == second and contents(one) == contents(two) and levels[0] == levels[1]


def test_ranges_begin_where_cohorts_do(whole: Path, cuts: Cuts) -> None:
    with RunStore.open(whole) as run:
        samples = run.manifest.selection.samples
    assert [cuts[0][0], cuts[-1][1]] == [0, STOP]
    assert all(one[1] == other[0] for one, other in pairwise(cuts))
    assert [samples.index(start) % 32 for start, _ in cuts[1:]] == [0, 0]


def test_a_job_has_no_more_parts_than_cohorts() -> None:
    with pytest.raises(InputError, match="choose at most 3"):
        ranges(open_assessment(make_spec(**JOB)), 4)


def test_parts_merge_into_the_run_of_all(whole: Path, parts: list[Path], merged: Merge) -> None:
    out = merged([parts[2], parts[0], parts[1]])
    assert _equal(out, whole)
    with RunStore.open(out) as run, RunStore.open(whole) as one:
        assert run.altered() == []
        assert run.manifest.identity == one.manifest.identity
        assert len(run.manifest.environment["merged from"].split(", ")) == 3
        assert run.manifest.timings["queries"] == one.manifest.timings["queries"]


def test_overlapping_parts_merge_where_they_agree(whole: Path, parts: list[Path], merged: Merge) -> None:
    assert _equal(merged([parts[0], whole, parts[0]]), whole)


def test_the_first_parts_are_a_run_too(tmp_path: Path, cuts: Cuts, parts: list[Path], merged: Merge) -> None:
    assert _equal(merged(parts[:2]), _run(tmp_path / "less", range=(0, cuts[1][1])))


def test_fewer_samples_of_the_same_images_are_part_of_more(tmp_path: Path, merged: Merge) -> None:
    few, more = _run(tmp_path / "few", samples=32), _run(tmp_path / "more", samples=40)
    assert _equal(merged([few, more]), more)


def test_what_no_part_did_as_one_run_does_it_is_left_to_resume(tmp_path: Path, whole: Path, merged: Merge) -> None:
    out = merged([_run(tmp_path / "a", range=(0, 60)), _run(tmp_path / "b", range=(60, STOP))])  # amid a cohort
    with RunStore.open(out) as run:
        assert (run.manifest.status, run.manifest.contents) == ("running", None)
        assert 0 < len(run.records()) < len(RunStore.open(whole).records())
        job = job_of(run, False)
    run_job(job, out).close()
    assert _equal(out, whole)


def test_an_interrupted_part_brings_what_it_has(tmp_path: Path, parts: list[Path], whole: Path, merged: Merge) -> None:
    with RunStore.open(parts[1]) as run:
        half = RunStore.create(
            tmp_path / "half",
            replace(run.manifest, status="running", contents=None),
            {sample: run.clean(sample) for sample in run.kept()},
        )
        with half:
            half.commit((record, run.image(record)) for record in run.records() if record.level == 1)
    out = merged([parts[0], tmp_path / "half", parts[2]])
    with RunStore.open(out) as run:
        assert run.manifest.status == "running"
        job = job_of(run, False)
        assert len(job.left(run)) == 1
    run_job(job, out).close()
    assert _equal(out, whole)


def test_proofs_come_along(tmp_path: Path, cuts: Cuts, merged: Merge) -> None:
    options = {"attacks": ["few-pixel"], "levels": (1,), "certify": "bounds", "certify_seconds": 0.001}
    first, second = (_run(tmp_path / str(k), range=cuts[k], **options) for k in (0, 1))
    with RunStore.open(merged([first, second])) as run, RunStore.open(first) as one, RunStore.open(second) as two:
        assert run.manifest.status == "finished"
        assert run.of(Certificate) == [*one.of(Certificate), *two.of(Certificate)] != []
        assert run.steps() == one.steps() | two.steps()


# What cannot be merged.


def _refused(merge: Callable[[], object], *texts: str) -> None:
    with pytest.raises(RunError) as error:
        merge()
    sentence = str(error.value)
    one_sentence(sentence, *texts)


@pytest.fixture
def copy(tmp_path: Path, parts: list[Path]) -> Path:
    return Path(shutil.copytree(parts[1], tmp_path / "copy"))


def test_a_part_that_was_altered(parts: list[Path], copy: Path, merged: Merge, tmp_path: Path) -> None:
    with sqlite3.connect(copy / FILE) as database:
        database.execute("UPDATE records SET queries = queries + 1 WHERE id = 3")
    _refused(lambda: merged([parts[0], copy, parts[2]]), "copy cannot be merged", "was altered")
    assert not (tmp_path / "merged").exists()


def test_parts_that_contradict_each_other(parts: list[Path], tmp_path: Path, merged: Merge) -> None:
    with RunStore.open(parts[1]) as run:
        lying = RunStore.create(
            tmp_path / "lying", replace(run.manifest, contents=None), {k: run.clean(k) for k in run.kept()}
        )
        with lying:
            for k, record in enumerate(run.records()):
                lying.commit([(replace(record, queries=record.queries + (k == 0)), run.image(record))])
            lying.add_timings({}, finished=True)
    _refused(lambda: merged([*parts, tmp_path / "lying"]), "contradict each other about sample", "lying")
    assert not (tmp_path / "merged").exists()


def test_a_gap_between_parts(parts: list[Path], cuts: Cuts, merged: Merge) -> None:
    _refused(
        lambda: merged([parts[0], parts[2]]), f"leave a gap: no part considered the images {cuts[1][0]}:{cuts[1][1]}"
    )


@pytest.mark.parametrize(
    ("options", "texts"),
    [
        ({"seed": 1}, ("seed (0 and 1)",)),
        ({"levels": (1,), "seed": 3}, ("levels ([1, 3] and [1])", "and seed (0 and 3)")),
        ({"model": "zoo:resnet20", "levels": (1,), "max_queries": 3}, ("the model, by its fingerprint",)),
        ({"batch_size": 32}, ("batch-size (16 and 32)",)),
    ],
    ids=["seed", "several", "model", "batch"],
)
def test_parts_of_other_jobs(
    parts: list[Path], cuts: Cuts, tmp_path: Path, merged: Merge, options: dict[str, object], texts: tuple[str, ...]
):
    other = _run(tmp_path / "other", **{"range": cuts[1], **options})
    _refused(lambda: merged([parts[0], other]), "are not parts of one run, as they differ in", *texts)


def test_a_part_that_stopped_early(parts: list[Path], cuts: Cuts, tmp_path: Path, merged: Merge) -> None:
    early = _run(tmp_path / "early", range=cuts[1], samples=3)
    _refused(lambda: merged([parts[0], early]), "early stopped after", "begin parts with --samples all")


def test_parts_that_share_no_cohort_with_the_whole(tmp_path: Path, merged: Merge) -> None:
    one, other = (_run(tmp_path / str(k), range=(12 * k, 12 * k + 12)) for k in (0, 1))
    _refused(lambda: merged([one, other]), "did no step of the whole on the same samples", "pixelproof split")


def test_a_folder_that_holds_a_run(parts: list[Path], merged: Merge) -> None:
    merged(parts[:2])
    _refused(lambda: merged(parts), "already holds a run")


def test_data_and_models_that_are_not_the_parts(parts: list[Path], merged: Merge) -> None:
    _refused(lambda: merged(parts, model="zoo:resnet20"), "The model", "fingerprint differs", "--model")
    _refused(lambda: merged(parts, data="pentomino:150"), "The data", "content hash differs", "--data")


def test_other_jobs_have_no_parts(tmp_path: Path, cli: Cli, kinds: dict[str, Path]) -> None:
    answer = cli("merge", kinds["perturb"], "--out", tmp_path / "out")
    one_sentence(answer.err.strip(), "only assessments have parts")
    assert answer.code == 2
    assert not (tmp_path / "out").exists()


# The commands.


def test_split_prints_commands_whose_runs_merge(tmp_path: Path, cli: Cli, whole: Path, cuts: Cuts) -> None:
    spec = tmp_path / "spec.toml"
    spec.write_text(
        'model = "zoo:lenet"\ndata = "bundled"\nrange = [0, 110]\nattacks = ["threshold"]\nlevels = [1, 3]\n'
        "max_queries = 12\nbatch_size = 16\n"
    )
    answer = cli("split", spec, "--parts", 2)
    assert answer.code == 0, answer.err
    first, second = (line.split() for line in answer.out.splitlines())
    assert first[:2] == ["pixelproof", "assess"]
    for words in (first, second):
        words[words.index("--out") + 1] = str(tmp_path / words[-1])
        assert cli(*words[1:], "--quiet").code == 0
    out = tmp_path / "merged"
    answer = cli("merge", first[-1], second[-1], "--out", out)
    assert answer.code == 0, answer.err
    assert "report:" in answer.out
    assert _equal(out, whole)
    assert cli("verify", out).code == 0


def test_all_images_of_a_range_may_be_asked_for() -> None:
    data = load_data("bundled")
    job = open_assessment(make_spec(**{**JOB, "range": (0, 12)}))
    assert isinstance(job, AssessJob)
    manifest = job.begin().manifest
    assert (manifest.selection.considered, manifest.data.images, len(data) > 12) == (12, 12, True)
    for wrong in (0, -1, True, "some", 1.5):
        with pytest.raises(InputError, match="--samples: "):
            make_spec(**{**JOB, "samples": wrong})
