"""Measures made by hand, and a few small runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kinds import KINDS, job_of_kind
from pixelproof.jobs.runner import run_job
from pixelproof.runs import RunStore
from tiny_run import CLAIM, run_tiny

Kinds = Callable[[str], RunStore]

#: One level, forty images: enough to decide something.
FORTY = {"range": (0, 100), "samples": 40, "levels": (1,), "attacks": ("threshold",), "max_queries": 30}


@pytest.fixture(scope="session")
def forty(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of runs by name: two of one network and a few, another network's, two samples."""
    folder = tmp_path_factory.mktemp("forty")
    options: dict[str, dict[str, object]] = {
        "old": {},
        "seed": {"seed": 1},
        "worse": {"model": "zoo:resnet20-fast", "defence": "bits(1)"},
        "two": {"samples": 2},
    }
    for name, changes in options.items():
        run_tiny(folder / name, **{**FORTY, **changes}).close()
    return {each.name: each for each in folder.iterdir()}


@pytest.fixture(scope="session")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> Kinds:
    """The finished run of a kind; each is made once."""
    folder = tmp_path_factory.mktemp("kinds")
    (folder / "claim.toml").write_text(CLAIM.format(robust=60), "utf-8")

    def run(kind: str) -> RunStore:
        if not (folder / kind).exists():
            if "RUN" in str(KINDS[kind][1]):
                run("levels").close()
            run_job(job_of_kind(kind, folder / "levels", folder / "claim.toml"), folder / kind).close()
        return RunStore.open(folder / kind)

    return run
