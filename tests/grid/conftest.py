"""A grid of seconds: LeNet, bare and behind two defences, two attacks and two targets."""

from __future__ import annotations

from pathlib import Path

import pytest

from pixelproof.plans.grid.plan import run_grid
from pixelproof.plans.grid.spec import GridSpec, read_grid
from pixelproof.plans.grid.view import GridView
from pixelproof.report.grid import write_grid

TOML = """
data = "bundled"
samples = 5
attacks = ["fgsm(epsilon=2)", "fgsm(epsilon=24)"]
targets = ["none", "next"]
defences = ["none", "bits(3)", "bits(3)+smooth(3)", "smooth(3)"]
access = ["replayed", "adaptive", "end-to-end"]

[[models]]
model = "zoo:lenet"
"""


@pytest.fixture(scope="session")
def grid_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("grid-spec") / "grid.toml"
    path.write_text(TOML, "utf-8")
    return path


@pytest.fixture(scope="session")
def grid(grid_file: Path) -> GridSpec:
    return read_grid(grid_file)


@pytest.fixture(scope="session")
def gridded(grid: GridSpec, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, GridView]:
    """The folder of a whole grid, with its page, and what it says: look, do not touch."""
    out = tmp_path_factory.mktemp("gridded") / "grid"
    view = run_grid(grid, out)
    write_grid(view, out)
    return out, view
