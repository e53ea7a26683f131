"""``pixelproof study`` as people call it."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from pixelproof.data import load_data
from pixelproof.plans.study.view import StudyView
from pixelproof.runs import RunStore
from pixelproof.runs.progress import Listener
from tiny_run import Cli

pytestmark = pytest.mark.slow

Conducted = tuple[Path, StudyView]


def test_it_ends_with_a_summary_a_report_and_a_scoreboard(
    cli: Cli, toml: Path, conducted: Conducted, tmp_path: Path
) -> None:
    out = Path(shutil.copytree(conducted[0], tmp_path / "a study"))
    (out / "report.html").unlink()
    answer = cli("study", toml, "--out", out)
    assert (answer.code, answer.err) == (0, "")
    assert f"report: {out / 'report.html'}" in answer.out
    assert "claims held here" in answer.out
    assert (out / "report.html").read_text("utf-8").startswith("<!DOCTYPE html>")
    board = json.loads((out / "results.json").read_text("utf-8"))
    assert {row["command"] for row in board["rows"]} == {f"pixelproof study {toml} --out 'a study'"}


def test_json_is_the_rows_alone(cli: Cli, toml: Path, conducted: Conducted, tmp_path: Path) -> None:
    out = Path(shutil.copytree(conducted[0], tmp_path / "study"))
    answer = cli("study", toml, "--out", out, "--json")
    found = json.loads(answer.out)
    assert answer.code == 0
    assert "claims held here" in answer.err
    assert found == json.loads((out / "results.json").read_text("utf-8"))
    with RunStore.open(out / "runs" / "lenet" / "levels") as run:
        broken = Counter(f"lenet: {each.constraint}, th = {each.threshold}" for each in run.records() if each.success)
    assert len(broken) > 4
    assert broken == {row["claim"]: row["successes"] for row in found["rows"] if row["claim"] in broken}
    quiet = cli("study", toml, "--out", out, "--json", "--quiet")
    assert (json.loads(quiet.out)["rows"], quiet.err) == (found["rows"], "")


def test_the_scoreboard_names_no_place_of_the_data(cli: Cli, conducted: Conducted, toml: Path, tmp_path: Path) -> None:
    data = load_data("bundled")
    np.savez(tmp_path / "own.npz", images=data.images, labels=data.labels)
    out = tmp_path / "out"
    small = tmp_path / "small.toml"
    small.write_text(
        'data = "bundled"\nrange = [0, 9]\nsamples = 1\nmax_queries = 4\n[[networks]]\nmodel = "zoo:lenet"\n'
    )
    assert cli("study", small, "--data", f"npz:{tmp_path / 'own.npz'}", "--out", out).code == 0
    (command,) = {row["command"] for row in json.loads((out / "results.json").read_text("utf-8"))["rows"]}
    assert command == f"pixelproof study {small} --out out --data npz:FILE"


def test_interrupted_it_says_how_to_go_on(
    cli: Cli, toml: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def interrupt(*_: object, **__: object) -> Iterator[Listener]:
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr("pixelproof.jobs.progress.job_progress", interrupt)
    answer = cli("study", toml, "--data", "bundled", "--out", tmp_path / "out")
    assert answer.code == 130
    how = f"pixelproof study {toml} --data bundled --out {tmp_path / 'out'}"  # the same command again
    assert f"Interrupted; nothing finished is lost. Continue with: {how}\n" == answer.err


def test_mistakes_get_one_sentence(cli: Cli, toml: Path, tmp_path: Path) -> None:
    for arguments, trouble in (
        ((tmp_path / "gone.toml",), "There is no study"),
        ((toml, "--data", "mnist"), "Unknown data 'mnist'"),
    ):
        answer = cli("study", *arguments, "--out", tmp_path / "out")
        assert answer.code == 2
        assert trouble in answer.err
        assert answer.err.count("\n") == 1
    assert not (tmp_path / "out").exists()
