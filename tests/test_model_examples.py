"""The examples of models run as they stand, and take no glue but weights without their network."""

from __future__ import annotations

import importlib.util
import runpy
import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tools.readme import EXAMPLES, assessed_in, glue_lines

GLUE = {path.stem: glue_lines(text) for path in EXAMPLES.glob("*.py") if assessed_in(text := path.read_text("utf-8"))}
#: What an example needs beside pixelproof, where that may be missing.
NEEDED = {
    "http_address": ("httpx", "stamina"),
    "hugging_face": ("transformers", "torchvision"),
    "jax_function": ("jax",),
    "keras_file": ("keras",),
    "onnx_file": ("onnxruntime", "onnxscript"),
    "sklearn_file": ("sklearn", "skops"),
    "timm_name": ("timm",),
}
TORCHVISION = ("hugging_face", "timm_name", "torchvision_name")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The examples in a folder of one's own, where scripts find each other, and this environment's ``python``."""
    found = Path(shutil.copytree(EXAMPLES, tmp_path / "models"))
    monkeypatch.chdir(found)
    monkeypatch.syspath_prepend(found)
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=":")
    before = set(sys.modules)
    yield found
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and Path(str(sys.modules[name].__file__)).is_relative_to(found):
            del sys.modules[name]


@pytest.fixture
def port(folder: Path) -> Iterator[int]:
    """Where the example's server answers."""
    server: Any = runpy.run_path("serve.py")["server"](0)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


def run(kind: str, capsys: pytest.CaptureFixture[str]) -> str:
    runpy.run_path("prepare.py")["prepare"](kind)
    capsys.readouterr()
    runpy.run_path(f"{kind}.py")
    return capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted(set(GLUE) - {"http_address"}))
def test_an_example_runs(
    kind: str, folder: Path, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    for package in NEEDED.get(kind, ()):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    if kind in TORCHVISION:
        request.getfixturevalue("torchvision")
    printed = run(kind, capsys)
    assert "few-pixel th=1: " in printed
    assert "threshold th=1: " in printed


@pytest.mark.slow
def test_the_example_of_a_server_runs(port: int, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for package in NEEDED["http_address"]:
        pytest.importorskip(package)
    script = folder / "http_address.py"
    script.write_text(script.read_text("utf-8").replace(":8000", f":{port}"), "utf-8")
    assert "threshold th=1: " in run("http_address", capsys)


def test_no_example_hides_a_module() -> None:
    """A script's folder is first on the import path."""
    for path in EXAMPLES.glob("*.py"):
        assert path.stem not in sys.stdlib_module_names
        assert importlib.util.find_spec(path.stem) is None


def test_nothing_but_a_torch_file_takes_glue(folder: Path) -> None:
    assert set(GLUE) == set(runpy.run_path("prepare.py")["KINDS"])
    assert {kind: lines for kind, lines in GLUE.items() if lines} == {"torch_file": 2}


def test_glue_is_counted() -> None:
    """A wrapper counts with all its lines; docstring, imports and the call do not."""
    script = '"""A wrapper."""\nimport x\n\ndef f(images):\n    y = x(images)\n    return y\n\nprint(assess(f))\n'
    assert glue_lines(script) == 3
