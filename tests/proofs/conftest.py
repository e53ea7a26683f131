"""Assessments with certificates of a small network."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pixelproof.jobs.assess import AssessJob
from pixelproof.jobs.runner import run_job
from proofs_kit import tiny_job


@pytest.fixture
def job_of() -> Callable[..., AssessJob]:
    return tiny_job


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "run"


@pytest.fixture(scope="module")
def job() -> AssessJob:
    return tiny_job()


@pytest.fixture(scope="module")
def _finished(job: AssessJob, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("proved") / "run"
    with run_job(job, folder) as run:
        assert any(each.proved for each in run.certificates())
        assert any(each.success for each in run.records())
    return folder


@pytest.fixture
def run(_finished: Path, folder: Path) -> Path:
    """The folder of a finished run of ``job`` of one's own, with proved samples and broken ones."""
    return Path(shutil.copytree(_finished, folder))
