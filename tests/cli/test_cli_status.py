"""pixelproof status, and what commands print for scripts, for nobody, and into the browser."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pixelproof.cli.status import run_status
from pixelproof.jobs.assess_spec import make_spec
from pixelproof.jobs.open import open_job
from pixelproof.jobs.runner import begin, run_job
from pixelproof.runs import RunStore
from pixelproof.runs.progress import Progress
from tiny_run import TINY, TINY_ARGUMENTS, Cli, run_tiny

HALFWAY = Progress("net", 10, 20, 0, 600, 30.0, "2/5 samples", lately=10, lately_seconds=30.0)


def _begun(folder: Path) -> RunStore:
    """A run of ``TINY`` that is half done and goes on, with no records yet."""
    run = begin(open_job(make_spec(**TINY)), folder)
    run.note_progress(HALFWAY)
    return run


def test_a_finished_run(cli: Cli, finished: Path) -> None:
    found = run_status(finished)
    assert (found["job"], found["status"], found["model"], found["samples"]) == ("assess", "finished", "zoo:lenet", 5)
    assert found["progress"]["seconds_left"] == 0
    assert shlex.split(found["next"]) == ["pixelproof", "report", str(finished)]
    assert [(each["constraint"], each["threshold"]) for each in found["levels"]] == [
        (constraint, th) for constraint in ("few-pixel", "threshold") for th in (1, 10)
    ]
    assert all(each["broken"] + each["proved"] + each["open"] == each["images"] == 5 for each in found["levels"])
    answer = cli("status", finished)
    assert (answer.code, answer.err) == (0, "")
    assert "assess of zoo:lenet on cifar10-test-1000" in answer.out
    assert "Few-pixel (L0), 10 pixels" in answer.out


def test_a_run_is_told_to_be_written_while_it_is(cli: Cli, tmp_path: Path) -> None:
    with _begun(tmp_path / "run") as run:
        found = run_status(tmp_path / "run")
        assert (found["status"], found["next"]) == ("running", None)
        assert {each["pending"] for each in found["levels"]} == {5}
        assert {each["success_rate"] for each in found["levels"]} == {None}
        assert found["progress"] == {
            "done": 10,
            "total": 20,
            "note": "2/5 samples",
            "seconds_left": pytest.approx(30, abs=5),
        }
        answer = cli("status", tmp_path / "run")
        assert "50.0 % · 2/5 samples · 0:00:3" in answer.out
        assert "another process is writing it" in answer.out
        run.commit([])  # looking has not taken the right to write away


def test_the_time_left_grows_with_the_time_since_it_was_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half was done in 30 seconds, and nothing more in the 60 since."""
    now = time.time()
    with _begun(tmp_path / "run"):
        monkeypatch.setattr("pixelproof.cli.status.time.time", lambda: now + 60)
        assert run_status(tmp_path / "run")["progress"]["seconds_left"] == pytest.approx(90, abs=5)


@pytest.mark.slow
def test_an_interrupted_run_is_gone_on_with_by_what_is_said(cli: Cli, tmp_path: Path) -> None:
    _begun(tmp_path / "run").close()
    found = run_status(tmp_path / "run")
    assert (found["status"], found["progress"]["seconds_left"]) == ("interrupted", 30)
    assert found["next"] == f"pixelproof resume {shlex.quote(str(tmp_path / 'run'))}"
    assert f"next: {found['next']}" in cli("status", tmp_path / "run").out
    assert cli(*shlex.split(found["next"])[1:], "--quiet") == (0, "", "")
    assert run_status(tmp_path / "run")["status"] == "finished"


def test_a_run_before_its_first_step(tmp_path: Path) -> None:
    begin(open_job(make_spec(**TINY)), tmp_path / "run").close()
    assert run_status(tmp_path / "run")["progress"] is None


def test_the_runner_says_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pixelproof.jobs.runner.NOTE_INTERVAL", 0.0)
    with run_job(open_job(make_spec(**TINY)), tmp_path / "run") as run:
        said = run.progress()
        assert said is not None
        assert (said[0].done, said[0].total, said[0].note) == (20, 20, f"5/5 samples · {_fooled(run)} fooled")
        assert said[1] == pytest.approx(time.time(), abs=600)


def _fooled(run: RunStore) -> int:
    return len({record.sample for record in run.records() if record.success})


@pytest.mark.slow
def test_all_runs_of_a_folder(cli: Cli, tmp_path: Path) -> None:
    for name in ("a", "b"):
        run_tiny(tmp_path / "plan" / name, samples=2).close()
    found = json.loads(cli("status", tmp_path / "plan", "--json").out)
    assert [Path(each["run"]).name for each in found] == ["a", "b"]


def test_a_folder_without_a_run(cli: Cli, tmp_path: Path) -> None:
    answer = cli("status", tmp_path)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith(f"error: {tmp_path} holds no run")


@pytest.mark.slow
def test_json_is_all_of_standard_output(cli: Cli, finished: Path, tmp_path: Path) -> None:
    answer = cli("assess", *TINY_ARGUMENTS, "--out", tmp_path / "run", "--json")
    found, before = json.loads(answer.out), run_status(finished)
    assert answer.code == 0
    assert "Few-pixel (L0)" in answer.err
    for same in ("identity", "levels", "findings", "samples", "considered"):
        assert found[same] == before[same]
    quiet = cli("report", tmp_path / "run", "--json", "-q")
    assert quiet.err == ""
    assert json.loads(quiet.out) == found
    assert "Few-pixel (L0)" in cli("report", tmp_path / "run").out  # the next command is as loud as ever


@pytest.mark.parametrize("order", [("--json", "--quiet"), ("--quiet", "--json")])
def test_json_of_a_mistake_is_nothing(cli: Cli, order: tuple[str, str], tmp_path: Path) -> None:
    answer = cli("assess", *TINY_ARGUMENTS, "--out", tmp_path / "run", *order, "--levels", "many")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("error: --levels")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "claims"),
    [
        (("perturb", "--only", "fog", "--severities", "1", "--samples", "20"), "accuracy: fog"),
        (("clever", "--samples", "1", "--batches", "2", "--batch-samples", "4"), "CLEVER"),
    ],
)
def test_every_job_has_rows(cli: Cli, tmp_path: Path, words: tuple[str, ...], claims: str) -> None:
    command, *options = words
    out = tmp_path / "run"
    answer = cli(command, "--model", "zoo:lenet", "--data", "bundled", *options, "--out", out, "--json", "-q")
    assert (answer.code, answer.err) == (0, "")
    rows = json.loads(answer.out)["rows"]
    kept = json.loads((out / "results.json").read_text("utf-8"))["rows"]
    assert [{**row, "command": kept[0]["command"]} for row in rows] == kept
    assert any(claims in row["claim"] for row in rows)


@pytest.mark.slow
def test_the_report_is_opened_in_the_browser(run_copy: Path, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {shlex.quote(str(seen))}\n')
    browser.chmod(0o755)
    command = [sys.executable, "-m", "pixelproof", "report", str(run_copy), "--open", "--quiet"]
    environment = {**os.environ, "BROWSER": f"{browser} %s"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert seen.read_text() == (run_copy / "report.html").as_uri()


@pytest.mark.slow
def test_a_machine_without_a_browser_says_so(run_copy: Path) -> None:
    command = [sys.executable, "-m", "pixelproof", "report", str(run_copy), "--open"]
    environment = {"PATH": "", "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "note: there is no browser to open" in done.stdout
