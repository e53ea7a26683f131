"""What packages are made from agrees: versions, what is needed, and as whom the container runs."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

import pixelproof

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
#: What conda-forge calls otherwise.
CONDA = {"torch": "pytorch"}


def _said(file: str, pattern: str) -> str:
    found = re.search(pattern, (ROOT / file).read_text("utf-8"), re.MULTILINE)
    assert found is not None, file
    return found.group(1)


@pytest.mark.parametrize(
    ("file", "pattern"),
    [
        ("pyproject.toml", r'^version = "(.+)"'),
        ("CITATION.cff", r"^version: (.+)"),
        ("recipe/recipe.yaml", r'^  version: "(.+)"'),
        ("CHANGELOG.md", r"^## \[(\d.*?)\]"),
    ],
)
def test_the_version_is_one(file: str, pattern: str) -> None:
    assert _said(file, pattern) == pixelproof.__version__


def _requirement(text: str) -> tuple[str, str]:
    name, _, bound = text.partition(">=")
    return CONDA.get(name.strip(), name.strip()), bound


def test_the_conda_recipe_needs_what_the_package_needs() -> None:
    run = _said("recipe/recipe.yaml", r"^  run:\n((?:    - .+\n)+)")
    needed = {_requirement(line.removeprefix("    - ")) for line in run.splitlines()}
    wanted = {_requirement(each) for each in PROJECT["dependencies"]}
    assert needed == wanted | {("python", PROJECT["requires-python"].removeprefix(">="))}


def test_the_container_runs_the_demo_and_not_as_root() -> None:
    lines = (ROOT / "Dockerfile").read_text("utf-8").splitlines()
    last = {line.split()[0]: line for line in lines if line and line[0].isupper()}
    assert last["USER"] == "USER 1000"
    assert last["ENTRYPOINT"] == 'ENTRYPOINT ["pixelproof"]'
    assert last["CMD"] == 'CMD ["demo"]'
    assert lines.index(last["USER"]) > max(k for k, line in enumerate(lines) if line.startswith("RUN"))


def test_the_container_is_given_what_it_copies() -> None:
    copied = {
        word.removeprefix("./")
        for line in (ROOT / "Dockerfile").read_text("utf-8").splitlines()
        if line.startswith("COPY") and "--from" not in line
        for word in line.split()[1:-1]
    }
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line.startswith("!")}
    assert copied == allowed
    assert all((ROOT / name).exists() for name in copied)
