"""Runs of earlier versions, kept as they were written, are read and gone on with.

`formats/4` is of 0.1.0 while that still kept a log beside a run that was written: a finished run, and one whose process
was killed. A new format gets a folder of its own here, and the old ones stay.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pixelproof.jobs.open import job_of
from pixelproof.jobs.runner import run_job
from pixelproof.report.assess import assess_page
from pixelproof.runs import RunStore
from pixelproof.runs.database import FILE

FORMATS = Path(__file__).parent / "formats"
RECORDS = 8


@pytest.fixture(params=sorted(each.name for each in FORMATS.iterdir()))
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return Path(shutil.copytree(FORMATS / request.param, tmp_path / "kept"))


def test_a_finished_run_is_read(kept: Path):
    with RunStore.open(kept / "finished") as run:
        assert (run.manifest.status, len(run.records()), run.altered()) == ("finished", RECORDS, [])
        assert any(record.success and run.image(record) is not None for record in run.records())
        assert "Environment" in assess_page(run).html()


def test_an_interrupted_run_is_read_and_gone_on_with(kept: Path):
    with RunStore.open(kept / "interrupted") as run:
        assert run.manifest.status == "running"
        assert 0 < len(run.records()) < RECORDS
        assert run.altered() == []
        before = run.records()
        job = job_of(run, trust_code=False)
    with run_job(job, kept / "interrupted") as run:
        assert (run.manifest.status, len(run.records()), run.altered()) == ("finished", RECORDS, [])
        assert {*before} <= {*run.records()}
    assert [each.name for each in (kept / "interrupted").iterdir() if each.name.startswith(FILE)] == [FILE]
