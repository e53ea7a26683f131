"""A repository as a team has it: a spec, requirements, and ``pixelproof`` on its path."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

import pixelproof

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "ci"


class Repository:
    """A git repository in ``folder``, whose scripts find a ``pixelproof`` that is this one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "repository"
        self.folder.mkdir()
        tools = folder / "bin"
        tools.mkdir()
        command = tools / "pixelproof"
        command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pixelproof "$@"\n', "utf-8")
        command.chmod(command.stat().st_mode | stat.S_IXUSR)
        source = str(Path(pixelproof.__file__).parents[1])
        self.environment = {
            **os.environ,
            "PATH": f"{tools}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": source,
            "OMP_NUM_THREADS": "1",
            "HOME": str(folder),
            "GIT_CONFIG_NOSYSTEM": "1",
        }
        for name in ("spec.toml", "gate.toml"):
            shutil.copy(EXAMPLES / name, self.folder)
        self.write("spec.toml", self.read("spec.toml").replace("samples = 60", "samples = 20"))
        self.write("gate.toml", 'require = ["robust-accuracy(linf,1) >= 30%"]\n')
        self.write("weights.safetensors", "these are weights")
        for words in (
            ["init", "-q"],
            ["add", "."],
            ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "a"],
        ):
            self.run("git", *words)

    def read(self, name: str) -> str:
        return (self.folder / name).read_text("utf-8")

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, "utf-8")

    def run(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words,
            cwd=self.folder,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    def bash(self, script: str, environment: Mapping[str, str] = {}) -> subprocess.CompletedProcess[str]:
        """As CI runs a step: the first command that fails ends it."""
        return self.run("bash", "-eo", "pipefail", "-c", script, **environment)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    if shutil.which("bash") is None or shutil.which("git") is None:
        pytest.skip("bash or git is not here")
    return Repository(tmp_path)
