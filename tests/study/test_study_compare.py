"""Finished runs side by side: what is refused, what is forced, and under which names."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from html_page import Page
from kinds import job_of_kind
from pixelproof.errors import InputError, RunError
from pixelproof.jobs.runner import run_job
from pixelproof.plans.compare import compare
from pixelproof.plans.study.view import StudyView
from pixelproof.runs.database import FILE
from tiny_run import Cli, run_tiny
from words import beyond

pytestmark = pytest.mark.slow

Conducted = tuple[Path, StudyView]
RunMaker = Callable[..., str]


@pytest.fixture
def tiny(tmp_path: Path) -> RunMaker:
    """The folder of a finished run of two samples."""

    def make(name: str, **options: object) -> str:
        folder = tmp_path / name
        run_tiny(folder, **{"samples": 2, "levels": (1, 10), "max_queries": 20, **options}).close()
        return str(folder)

    return make


def places(out: Path, *names: str) -> list[str]:
    return [str(out / "runs" / name) for name in names]


def test_runs_of_a_study_stand_side_by_side(conducted: Conducted) -> None:
    out, view = conducted
    names = [f"{network}/{role}" for network in ("lenet", "lenet-bits-3") for role in ("levels", "de", "minimal")]
    found = compare(places(out, *names))
    study = found.study
    assert study is not None
    assert [run.assessed.label for run in study.runs] == ["lenet"] * 3 + ["lenet + bits(3)"] * 3
    assert found.differences == ()
    assert study.transfers == ()
    assert study.demonstration is not None
    assert study.demonstration.answers == {}
    assert {each.record.sample for each in study.demonstration.found} == {study.demonstration.sample}
    searched = {run.assessed.label: run.assessed.fooled for run in view.runs if run.assessed.role == "de"}
    assert study.runs[1].assessed.fooled == searched["lenet"]
    assert [pair.title for pair in found.pairs] == ["lenet → lenet + bits(3)"] * 3  # each role with its own


@pytest.mark.parametrize(
    ("options", "difference"),
    [
        ({"range": (5, 30)}, r"data: cifar10-test-1000 \(\w+\) against cifar10-test-1000 \(\w+\)"),
        ({"max_queries": 30}, r"the budget of few-pixel, th = 1: 20 against 30"),
        (
            {"search": "square", "attacks": ("threshold",)},
            r"the search of threshold, th = 1: gradient-re.* against sq.*",
        ),
        ({"fitness": "confidence"}, r"fitness: margin against confidence"),
        ({"shuffle": 3}, r"shuffle: none against 3"),
    ],
)
def test_what_makes_comparing_meaningless_is_refused_or_marked(
    tiny: RunMaker, options: dict[str, object], difference: str
) -> None:
    arguments = [tiny("one"), f"other={tiny('two', **options)}"]
    with pytest.raises(InputError, match=rf"^The old and the new run differ in {difference}; .* force the comp.*\.$"):
        compare(arguments)
    forced = compare(arguments, force=True)
    assert forced.forced[0].startswith("lenet → other: the old and the new run differ in ")
    assert forced.study is not None
    assert (forced.study.demonstration is None) == ("range" in options)


@pytest.mark.parametrize(
    ("options", "difference", "measures"),
    [
        ({"levels": (1, 3)}, "threshold, th = 10: measured against not measured", {"(l0,1)", "(linf,1)"}),
        ({"attacks": ("threshold",)}, "few-pixel, th = 1: measured against not measured", {"(linf,1)", "(linf,10)"}),
        ({"samples": 3}, "samples: 2 against 3", {"(l0,1)", "(l0,10)", "(linf,1)", "(linf,10)"}),
        ({"seed": 5}, "seed: 0 against 5", {"(l0,1)", "(l0,10)", "(linf,1)", "(linf,10)"}),
    ],
)
def test_what_two_runs_have_in_common_is_compared(
    tiny: RunMaker, options: dict[str, object], difference: str, measures: set[str]
) -> None:
    (pair,) = compare([tiny("one"), tiny("two", **options)]).pairs
    assert any(str(each).endswith(difference) for each in pair.differences)
    assert not any(each.grave for each in pair.differences)
    levels = {each.name.removeprefix("robust-accuracy") for each in pair.changes if each.new.term == "robust-accuracy"}
    assert levels == measures


def test_an_unfinished_run_is_refused_or_marked(tiny: RunMaker) -> None:
    folder = tiny("one")
    connection = sqlite3.connect(Path(folder) / FILE, isolation_level=None)
    connection.execute("UPDATE manifest SET value = '\"running\"' WHERE key = 'status'")
    connection.close()
    with pytest.raises(InputError, match=r"one is not finished; go on with pixelproof resume, or force"):
        compare([folder])
    assert not compare([folder], force=True).finished


def test_names_may_repeat(tiny: RunMaker) -> None:
    one, two = tiny("one"), tiny("two", seed=1)
    found = compare([one, two])
    assert [run.assessed.label for run in found.runs] == ["lenet (one)", "lenet (two)"]
    assert [pair.title for pair in found.pairs] == ["lenet (one) → lenet (two)"]
    assert [run.assessed.label for run in compare([one, f"again={two}"]).runs] == ["lenet", "again"]
    twice = compare([f"same={one}", f"same={two}"])
    assert [run.assessed.label for run in twice.runs] == ["same (one)", "same (two)"]
    with pytest.raises(RunError, match="holds no run"):
        compare([f"{one}-gone"])


def test_two_models_of_one_name_are_told_apart(tiny: RunMaker, tmp_path: Path) -> None:
    one, two = tiny("one"), tiny("two", minimal=127)
    connection = sqlite3.connect(Path(two) / FILE, isolation_level=None)
    connection.execute('UPDATE manifest SET value = replace(value, \'"fingerprint": "\', \'"fingerprint": "0\')')
    connection.close()
    assert [run.assessed.label for run in compare([one, two], force=True).runs] == ["lenet (one)", "lenet (two)"]


def test_nothing_to_compare_is_said(tmp_path: Path) -> None:
    for name, job in (("cleverly", "clever-with"), ("perturbed", "perturb")):
        run_job(job_of_kind(job if job == "perturb" else "clever", tmp_path, tmp_path), tmp_path / name).close()
    with pytest.raises(InputError, match=r"^There is nothing to compare: expected two runs of one kind"):
        compare([str(tmp_path / "cleverly"), str(tmp_path / "perturbed")])


def test_a_folder_with_an_equals_sign_is_a_folder(tiny: RunMaker) -> None:
    (run,) = compare([tiny("a=b")]).runs
    assert (run.assessed.label, Path(run.place).name) == ("lenet", "a=b")


def test_on_the_command_line(cli: Cli, conducted: Conducted, tmp_path: Path) -> None:
    runs = places(conducted[0], "lenet/levels", "lenet-bits-3/levels", "lenet/minimal", "lenet-bits-3/minimal")
    answer = cli("compare", *runs, "--out", tmp_path / "out")
    assert (answer.code, answer.err) == (0, "")
    assert f"report: {tmp_path / 'out' / 'report.html'}" in answer.out
    text = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert "pixelproof comparison" in text
    assert beyond(Page(text).text) == beyond(answer.out) == []
    assert 'id="transfer"' not in text
    assert (tmp_path / "out" / "tables" / "study-main.md").exists()
    assert (tmp_path / "out" / "figures" / "study-duality.svg").exists()


def test_forced_on_the_command_line(cli: Cli, conducted: Conducted, tiny: RunMaker, tmp_path: Path) -> None:
    runs = [*places(conducted[0], "lenet/levels"), f"other={tiny('two')}"]
    answer = cli("compare", *runs, "--out", tmp_path / "out")
    assert answer.code == 2
    assert "The old and the new run differ in the budget of few-pixel, th = 1: 40 against 20" in answer.err
    assert not (tmp_path / "out").exists()
    answer = cli("compare", *runs, "--out", tmp_path / "out", "--force")
    assert answer.code == 0
    assert "forced: lenet and other differ in selection" in answer.out
    text = (tmp_path / "out" / "report.html").read_text()
    assert "<strong>Forced</strong> lenet and other differ in selection" in text
    assert "<strong>Forced</strong> lenet → other: the old and the new run differ in the budget" in text
    assert "Forced: the old and the new run differ" in (tmp_path / "out" / "tables" / "compare-changes.md").read_text()
    assert "Forced: lenet and other differ" in (tmp_path / "out" / "tables" / "study-main.md").read_text()


def test_a_report_is_not_written_over_that_of_a_run(cli: Cli, conducted: Conducted) -> None:
    (run,) = places(conducted[0], "lenet/levels")
    answer = cli("compare", run, "--out", run)
    assert answer.code == 2
    assert "holds a run, whose report would be lost" in answer.err


def test_a_copy_elsewhere_is_the_same_run(conducted: Conducted, tmp_path: Path) -> None:
    (run,) = places(conducted[0], "lenet/levels")
    copy = shutil.copytree(run, tmp_path / "copy")
    assert compare([str(copy)]).runs[0].assessed.fooled == compare([run]).runs[0].assessed.fooled
