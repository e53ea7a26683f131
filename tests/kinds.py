"""A small run of every kind of job, and what two equal ones have in common."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from pixelproof.jobs.job import Job
from pixelproof.jobs.open import SPECS, open_job
from pixelproof.jobs.runner import run_job
from pixelproof.results.audit.view import CheckpointRecord, EvidenceRecord
from pixelproof.results.clever import CleverRecord
from pixelproof.results.perturbations import Least, PerturbationRecord, WorstCase
from pixelproof.results.study.transfer import CleanRecord, TransferRecord
from pixelproof.runs import Record
from pixelproof.runs.table import RecordType, columns
from same_numbers.recorded import recorded

_LENET = {"model": "zoo:lenet", "data": "bundled", "device": "cpu"}
_FEW = {**_LENET, "range": (0, 30), "samples": 4, "max_queries": 40}
_SCORES = {**_LENET, "batches": 3, "batch_samples": 4}
#: By kind of run the job and its options; ``RUN`` stands for the folder of a run of levels, ``CLAIM`` for a file.
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "levels": ("assess", {**_FEW, "levels": (1, 10)}),
    "attacks": ("assess", {**_FEW, "attacks": ("fgsm(epsilon=3)", "deepfool", "square(epsilon=9,queries=10)")}),
    "minimal": ("assess", {**_FEW, "minimal": 127}),
    "perturb": (
        "perturb",
        {
            **_LENET,
            "samples": 8,
            "only": ("rotation", "fog"),
            "severities": (1, 3),
            "minimal": 3,
            "worst_case": 2,
        },
    ),
    "clever": ("clever", {**_SCORES, "samples": 3}),
    "clever-with": ("clever", {**_SCORES, "run": "RUN"}),
    "transfer": ("transfer", {"model": "zoo:lenet", "defence": "bits(3)", "sources": ("RUN",), "device": "cpu"}),
    "audit": ("audit", {**_LENET, "claim": "CLAIM", "range": (0, 60), "samples": 8, "iterations": 5, "only": (1, 4)}),
}
RECORDS: dict[str, tuple[type[RecordType], ...]] = {
    "assess": (Record,),
    "perturb": (PerturbationRecord, Least, WorstCase),
    "clever": (CleverRecord,),
    "transfer": (TransferRecord, CleanRecord),
    "audit": (EvidenceRecord, CheckpointRecord),
}
#: Every column of every kind, with the digest.
COLUMNS = [
    (kind, record.TABLE, column)
    for kind, (job, _) in KINDS.items()
    for record in RECORDS[job]
    for column in (*columns(record), "digest")
]


def job_of_kind(kind: str, run: Path, claim: Path) -> Job:
    """A new job of ``kind``."""
    name, options = KINDS[kind]
    places = {"RUN": str(run), "CLAIM": str(claim)}

    def placed(value: Any) -> Any:
        return tuple(map(placed, value)) if isinstance(value, tuple) else places.get(str(value), value)

    return open_job(SPECS[name](**{key: placed(value) for key, value in options.items()}))  # type: ignore[arg-type]


def said(folder: Path) -> dict[str, Any]:
    """All that must be equal in equal runs."""
    (found,) = (each for place, each in recorded(folder).items() if place == ".")
    return dict(found)


if __name__ == "__main__":  # python kinds.py KIND RUN CLAIM OUT: as a process of its own, which can be killed
    chosen, *places = sys.argv[1:]
    run_job(job_of_kind(chosen, Path(places[0]), Path(places[1])), Path(places[2])).close()
    print(json.dumps("done"))
