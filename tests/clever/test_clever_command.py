"""``pixelproof clever``: what it prints, what it writes, how it compares with a run, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pixelproof.results.clever import clever_result
from pixelproof.results.distances import smallest_distances
from pixelproof.runs import RunStore
from tiny_run import Cli
from words import beyond

pytestmark = pytest.mark.slow

LENET = ("--model", "zoo:lenet", "--data", "bundled")
FEW = ("--batches", "3", "--batch-samples", "4")


def scores(out: Path) -> list[dict[str, object]]:
    """The rows beside the run."""
    rows: list[dict[str, object]] = json.loads((out / "results.json").read_text("utf-8"))["rows"]
    return rows


def test_scores_are_printed_and_written(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    out = tmp_path / "run"
    answer = cli("clever", *LENET, *FEW, "--samples", 3, "--norm", "linf", "--target", "least-likely", "--out", out)
    assert answer.code == 0, answer.err
    assert "L∞, target least-likely" in answer.out
    assert beyond(answer.out) == []
    assert "Convergence: the mean was" in answer.out
    assert answer.out.splitlines()[-2:] == [f"scores: {out / 'results.json'}", f"report: {out / 'report.html'}"]
    table = answer.out.partition("CLEVER, ")[2].splitlines()[:-2]  # below the findings, above the paths
    assert max(map(len, table)) <= 80
    with RunStore.open(out) as run:
        result = clever_result(run)
    assert (result.norm, result.radius) == ("linf", 25.5)
    written = scores(out)
    assert {each["unit"] for each in written} == {"grey levels of linf"}
    assert [len(each["scores"]) for each in written] == [1, 1, 1]
    for each in written:
        assert each["reason"] is None
        assert 0 < each["value"] <= 25.5
        assert each["nearest"] != each["label"]
        assert f"{each['value']:.2f}"[:4] in answer.out


def test_scores_are_set_against_the_distances_that_a_run_found(cli: Cli, finished: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    answer = cli("clever", *LENET, *FEW, "--norm", "linf", "--with", finished, "--out", out)
    assert answer.code == 0, answer.err
    assert "Found at" in answer.out
    *written, correlation = scores(out)
    with RunStore.open(finished) as run:
        assert [each["sample"] for each in written] == list(run.manifest.selection.samples)
        records = run.records()
    for each in written:
        fooled = [r.linf for r in records if r.sample == each["sample"] and r.success]
        assert each["distance"] == (min(fooled) if fooled else None)
    assert correlation["samples"] == 5


def test_the_smallest_distance_is_over_all_attacks_and_infinite_where_none_fooled(finished: Path) -> None:
    with RunStore.open(finished) as run:
        records = run.records()
    failed = [r for r in records if not r.success]
    assert set(smallest_distances(failed, "l2").values()) == {float("inf")}
    sample = next(r.sample for r in records if r.success)
    distances = [r.l2 for r in records if r.sample == sample and r.success]
    assert smallest_distances(records, "l2")[sample] == min(distances)


def test_a_defence_without_gradients_is_meaningless_not_small(cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "run"
    answer = cli("clever", *LENET, *FEW, "--samples", 2, "--defence", "bits(5)", "--out", out)
    assert answer.code == 0, answer.err
    text = " ".join(answer.out.split())
    assert "CLEVER is meaningless for all 2 samples" in text
    assert "gives no gradients" in text
    assert [each["value"] for each in scores(out)] == [None, None]
    assert all("gives no gradients" in each["reason"] for each in scores(out))


def test_many_samples_get_one_row(cli: Cli) -> None:
    answer = cli("clever", *LENET, "--batches", 2, "--batch-samples", 1, "--samples", 21)
    assert answer.code == 0, answer.err
    assert "Nearest" not in answer.out
    assert "Median" in answer.out


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("--norm", "l3"), "norm"),
        (("--radius", "0"), "radius"),
        (("--batches", "1"), "batches"),
        (("--target", "10"), "classes 0..9"),
        (("--target", "cat"), "--target"),
        (("--samples", "0"), "--samples"),
        (("--with", "nowhere"), "holds no run"),
        (("--out", "/dev/null/scores"), "--out"),
        (("--defence", "fog"), "defence"),
    ],
)
def test_mistakes_get_one_sentence(cli: Cli, arguments: tuple[str, str], part: str) -> None:
    _refused(cli("clever", *LENET, *FEW, *arguments), part)


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("--defence", "median(2)"), "another model"),
        (("--target", "next"), "--target none"),
        (("--samples", "2"), "3 samples"),
    ],
)
def test_a_run_that_does_not_fit_is_refused(cli: Cli, finished: Path, arguments: tuple[str, str], part: str) -> None:
    _refused(cli("clever", *LENET, *FEW, "--with", finished, *arguments), part)


def _refused(answer: object, part: str) -> None:
    assert answer.code == 2  # type: ignore[attr-defined]
    error = answer.err  # type: ignore[attr-defined]
    assert error.startswith("error: ")
    assert part in error
    assert error.endswith(".\n")
    assert error.count("\n") == 1
