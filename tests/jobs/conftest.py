"""One finished run of every kind: look, do not touch."""

from __future__ import annotations

from pathlib import Path

import pytest

from kinds import KINDS, job_of_kind
from pixelproof.jobs.runner import run_job
from tiny_run import CLAIM


@pytest.fixture(scope="session")
def claim_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("claim") / "claim.toml"
    path.write_text(CLAIM.format(robust=20.0), "utf-8")
    return path


@pytest.fixture(scope="session")
def kinds(tmp_path_factory: pytest.TempPathFactory, claim_file: Path) -> dict[str, Path]:
    """The folders of finished runs, by kind."""
    folder = tmp_path_factory.mktemp("kinds")
    for kind in KINDS:
        run_job(job_of_kind(kind, folder / "levels", claim_file), folder / kind).close()
    return {kind: folder / kind for kind in KINDS}
