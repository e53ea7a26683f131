"""The plug-in for pytest, in a pytest of its own: it fails and passes as it must, and unused it costs nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

import pixelproof
from ci.conftest import ROOT

pytestmark = pytest.mark.long  # every step is a process that reads torch

TESTS = """
import pixelproof as pp

def data():
    return pp.load_data("bundled").take(range(80)), pp.load_model("zoo:lenet")

def test_robust_enough(assert_robust):
    images, model = data()
    assert_robust(model, images, norm="linf", th=1, at_least=0.2, max_queries=30, samples=40)

def test_not_robust_enough(assert_robust):
    images, model = data()
    assert_robust(model, images, norm="l0", th=5, at_least=0.9, max_queries=30, samples=10)

def test_too_few_samples(assert_robust):
    images, model = data()
    assert_robust(model, images.images[:10], images.labels[:10], at_least=0.4, max_queries=30, samples=2)

def test_a_mistake(assert_robust):
    assert_robust(None, None, norm="l2")

def test_without_it():
    pass
"""


def run(folder: Path, *words: str) -> str:
    (folder / "test_network.py").write_text(TESTS, "utf-8")
    source = str(Path(pixelproof.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "pixelproof.pytest_plugin", "-p", "no:cacheprovider", "-rA", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": source, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout


def test_it_fails_and_passes_as_it_must(tmp_path: Path) -> None:
    said = run(tmp_path, "--robustness")
    assert "2 passed" in said
    assert "3 failed" in said
    assert "PASSED test_network.py::test_robust_enough" in said
    assert "robust-accuracy(l0,5) >= 90%: not met; " in said
    assert "robust-accuracy(linf,1) >= 40%: cannot be decided with " in said
    assert "ValueError: norm is 'l2'; expected l0 or linf." in said


def test_without_the_option_its_tests_are_skipped_and_nothing_is_read(tmp_path: Path) -> None:
    seen = "import json, sys\ndef pytest_unconfigure():\n    print('READ', json.dumps(sorted(sys.modules)))\n"
    (tmp_path / "conftest.py").write_text(seen, "utf-8")
    said = run(tmp_path, "-s", "-k", "robust or without")
    assert "1 passed, 2 skipped" in said
    assert "run it with --robustness" in said
    (line,) = [each for each in said.splitlines() if each.startswith("READ")]
    read = set(json.loads(line.removeprefix("READ ")))
    assert not read & {"torch", "numpy", "scipy", "pydantic", "pixelproof.api"}


def test_pytest_finds_it() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    (module,) = project["entry-points"]["pytest11"].values()
    assert import_module(module).assert_robust
