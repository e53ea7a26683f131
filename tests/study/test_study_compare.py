"""Finished runs side by side: what is refused, what is forced, and under which names."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from html_page import Page
from pixelproof.errors import InputError, RunError
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
    assert [run.assessed.label for run in found.runs] == ["lenet"] * 3 + ["lenet + bits(3)"] * 3
    assert found.differences == ()
    assert found.transfers == ()
    assert found.demonstration is not None
    assert found.demonstration.answers == {}
    assert [each.record.sample for each in found.demonstration.found] == [found.demonstration.sample] * 2
    searched = {run.assessed.label: run.assessed.fooled for run in view.runs if run.assessed.role == "de"}
    assert found.runs[1].assessed.fooled == searched["lenet"]


@pytest.mark.parametrize(
    ("options", "difference"),
    [
        ({"levels": (1, 3)}, r"thresholds: 1, 10 against 1, 3"),
        ({"attacks": ("threshold",)}, r"norms: few-pixel and threshold against threshold"),
        ({"range": (5, 30)}, r"data: cifar10-test-1000 \(\w+\) against cifar10-test-1000 \(\w+\)"),
        ({"samples": 3}, r"selection: 2 samples in file order against 3 samples in file order"),
        ({"max_queries": 30}, r"budget \(.*\): 20 queries a sample against 30 queries a sample"),
    ],
)
def test_a_difference_is_refused_or_marked(tiny: RunMaker, options: dict[str, object], difference: str) -> None:
    arguments = [tiny("one"), f"other={tiny('two', **options)}"]
    with pytest.raises(InputError, match=rf"^lenet and other differ in {difference}; .* force the comparison .*\.$"):
        compare(arguments)
    forced = compare(arguments, force=True)
    assert any(str(each).startswith("lenet and other differ in ") for each in forced.differences)
    assert (forced.demonstration is None) == ("range" in options)


def test_an_unfinished_run_is_refused_or_marked(tiny: RunMaker) -> None:
    folder = tiny("one")
    connection = sqlite3.connect(Path(folder) / FILE, isolation_level=None)
    connection.execute("UPDATE manifest SET value = '\"running\"' WHERE key = 'status'")
    connection.close()
    with pytest.raises(InputError, match=r"one is not finished; go on with pixelproof resume, or force"):
        compare([folder])
    assert not compare([folder], force=True).finished


def test_names_tell_runs_apart(tiny: RunMaker) -> None:
    one, two = tiny("one"), tiny("two", seed=1)
    with pytest.raises(InputError, match=r"^Two runs of one kind are of lenet, in .*one and .*two; .* NAME=FOLDER\.$"):
        compare([one, two])
    labels = [run.assessed.label for run in compare([one, f"again={two}"]).runs]
    assert labels == ["lenet", "again"]
    with pytest.raises(RunError, match="holds no run"):
        compare([f"{one}-gone"])


def test_two_models_of_one_name_are_no_line(tiny: RunMaker, tmp_path: Path) -> None:
    one, two = tiny("one"), tiny("two", minimal=127)
    connection = sqlite3.connect(Path(two) / FILE, isolation_level=None)
    connection.execute('UPDATE manifest SET value = replace(value, \'"fingerprint": "\', \'"fingerprint": "0\')')
    connection.close()
    with pytest.raises(InputError, match=r"^Two models are called lenet, in .*one and .*two; tell them apart as NAME="):
        compare([one, two])


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
    assert "lenet and other differ in selection: 4 samples" in answer.err
    assert not (tmp_path / "out").exists()
    answer = cli("compare", *runs, "--out", tmp_path / "out", "--force")
    assert answer.code == 0
    assert "forced: lenet and other differ in selection" in answer.out
    assert (
        "<strong>Forced</strong> lenet and other differ in selection" in (tmp_path / "out" / "report.html").read_text()
    )
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
