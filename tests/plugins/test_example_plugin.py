"""The example package, installed by pip: listed, conforming, and assessed end to end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import pixelproof as pp
from model_files import images, network
from pixelproof.conformance import checks
from pixelproof.conformance.__main__ import main
from pixelproof.results.perturbations import PerturbationRecord
from pixelproof.runs import RunStore
from tiny_run import Cli

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "plugin"
Install = Callable[..., str]
LABELS = network()(images(40)).argmax(1)
PLUGINS = {"pixelproof-example": "0.1.0"}

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("example-plugin")]


def test_it_is_listed_with_its_package(example: None, cli: Cli) -> None:
    found = json.loads(cli("list", "--json").out)
    for kind, name in (
        ("searches", "hill-climb"), ("attacks", "corner-draw"), ("defences", "fade"), ("corruptions", "stripes"),
    ):  # fmt: skip
        assert found[kind][name].endswith(". From pixelproof-example 0.1.0.")


def test_it_is_assessed_end_to_end(example: None, tmp_path: Path) -> None:
    result = pp.assess(
        network(), images(40), LABELS, attacks=("threshold", "corner-draw(epsilon=30)"), search="hill-climb",
        levels=(3, 40), samples=8, max_queries=80, defence="fade(0.8)", device="cpu", out=tmp_path / "run",
    )  # fmt: skip
    manifest = result.run.manifest
    assert manifest.settings["plugins"] == PLUGINS
    methods = {record.method for record in result.run.records()}
    assert methods == {"hill-climb", "corner-draw"}
    assert all(any(r.success for r in result.run.records() if r.method == method) for method in methods)
    page = result.report(tmp_path / "report.html").read_text("utf-8")
    assert "pixelproof-example" in page
    again = pp.load_run(tmp_path / "run")
    assert again.run.records() == result.run.records()


def test_a_corruption_is_measured_at_fifths_of_the_way_to_its_end(example: None, tmp_path: Path, cli: Cli) -> None:
    options = ("--model", "zoo:lenet", "--data", "bundled", "--samples", "5", "--device", "cpu")
    out = tmp_path / "run"
    assert cli("perturb", *options, "--only", "stripes,fog", "--severities", "1,5", "--out", out).code == 0
    with RunStore.open(out) as run:
        assert run.manifest.settings["plugins"] == PLUGINS
        strengths = [(cell.perturbation, round(cell.strength, 6)) for cell in run.of(PerturbationRecord)]
    assert sorted(strengths) == [("fog", 1), ("fog", 5), ("stripes", 0.16), ("stripes", 0.8)]


def test_it_conforms(example: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    brought = {check.plugin.name for check in checks("pixelproof_example")}
    assert brought == {"hill-climb", "corner-draw", "fade", "stripes"}
    monkeypatch.setattr(sys, "argv", ["conformance", "pixelproof-example"])
    assert main() == 0
    assert "25 of 25 checks hold." in capsys.readouterr().out


def test_what_does_not_conform_is_told_on_the_command_line(
    install: Install, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install("THING = 3", {"searches": {"broken": "THING"}})
    monkeypatch.setattr(sys, "argv", ["conformance", "their-package"])
    assert main() == 1
    assert "0 of 6 checks hold." in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["conformance", "numpy"])
    assert main() == 2
    assert "No plug-in of a package 'numpy' is installed here; expected one with an" in capsys.readouterr().err


def test_its_own_tests_pass(installed: Path, tmp_path: Path) -> None:
    """Which are the checks, each a test."""
    path = os.pathsep.join([str(installed), os.environ.get("PYTHONPATH", "")])
    options = ["-q", "-p", "no:cacheprovider", "-k", "fade", f"--rootdir={tmp_path}", str(EXAMPLE / "tests")]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options], capture_output=True, text=True, check=False, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 passed" in done.stdout
