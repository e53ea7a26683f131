"""Packages with real entry points, written to a folder on the path, or installed there by pip."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from pathlib import Path
from textwrap import dedent

import pytest

from pixelproof import plugins

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "plugin"
Install = Callable[..., str]
_NUMBERS = count()


@pytest.fixture
def forgotten() -> Iterator[None]:
    """Nothing is known of plug-ins before and after."""

    def forget() -> None:
        importlib.invalidate_caches()
        plugins.plugins.cache_clear()
        plugins._LOADED.clear()

    forget()
    yield
    forget()


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forgotten: None) -> Install:
    """Puts a package with a module of ``source`` on the path; ``points`` are its entry points by group, ``MODULE`` in
    them and in the source being the module. Returns the module's name."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def put(
        source: str, points: Mapping[str, Mapping[str, str]], package: str = "their-package", version: str = "1.0"
    ) -> str:
        module = f"plugged_{next(_NUMBERS)}"
        (tmp_path / f"{module}.py").write_text(dedent(source), "utf-8")
        folder = tmp_path / f"{package.replace('-', '_')}-{version}.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n", "utf-8")
        lines = [
            line
            for kind, entries in points.items()
            for line in (f"[pixelproof.{kind}]", *(f"{name} = {module}:{thing}" for name, thing in entries.items()))
        ]
        (folder / "entry_points.txt").write_text("\n".join(lines), "utf-8")
        importlib.invalidate_caches()
        plugins.plugins.cache_clear()
        return module

    return put


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that pip installed the example package into."""
    source, target = tmp_path_factory.mktemp("source") / "plugin", tmp_path_factory.mktemp("installed")
    shutil.copytree(EXAMPLE, source)  # as building writes beside the source
    options = ("--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check")
    command = [sys.executable, "-m", "pip", "install", *options, "--target", str(target), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return target


@pytest.fixture
def example(installed: Path, monkeypatch: pytest.MonkeyPatch, forgotten: None) -> Iterator[None]:
    """The example package, installed, and forgotten after."""
    monkeypatch.syspath_prepend(str(installed))
    importlib.invalidate_caches()
    plugins.plugins.cache_clear()
    yield
    for name in [name for name in sys.modules if name.startswith("pixelproof_example")]:
        monkeypatch.delitem(sys.modules, name)
