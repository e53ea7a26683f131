"""Measures made by hand, and a few small runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tiny_run import run_tiny

#: One level, forty images: enough to decide something.
FORTY = {"range": (0, 100), "samples": 40, "levels": (1,), "attacks": ("threshold",), "max_queries": 30}


@pytest.fixture(scope="session")
def forty(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of runs by name: two of one network and a few, another network's, two samples."""
    folder = tmp_path_factory.mktemp("forty")
    for name, options in {
        "old": {},
        "seed": {"seed": 1},
        "worse": {"model": "zoo:resnet20-fast", "defence": "bits(1)"},
        "two": {"samples": 2},
    }.items():
        run_tiny(folder / name, **{**FORTY, **options}).close()
    return {each.name: each for each in folder.iterdir()}
