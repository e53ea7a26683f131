"""What a run says, as plain values without times: what must stay the same whatever is rebuilt around it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pixelproof.results.audit.view import CheckpointRecord, EvidenceRecord
from pixelproof.results.clever import CleverRecord
from pixelproof.results.perturbations import Least, PerturbationRecord, WorstCase
from pixelproof.results.scoreboard import FILE as ROWS
from pixelproof.results.study.transfer import CleanRecord, TransferRecord
from pixelproof.runs import RunStore
from pixelproof.runs.database import FILE

_TIMES = {"seconds", "milliseconds", "perturb_seconds", "pgd_seconds", "seconds_per_image", "command"}
_KINDS = (
    PerturbationRecord,
    Least,
    WorstCase,
    CleverRecord,
    TransferRecord,
    CleanRecord,
    EvidenceRecord,
    CheckpointRecord,
)


def recorded(folder: Path) -> dict[str, Any]:
    """By place below ``folder`` what every run and every table of rows there says, without times."""
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob(FILE)):
        with RunStore.open(path.parent) as run:
            found[str(path.parent.relative_to(folder))] = _run(run)
    for path in sorted(folder.rglob(ROWS)):
        kept = json.loads(path.read_text("utf-8"))
        if kept.get("job") not in ("assess", "transfer"):  # whose rows are rates over the records above
            found[f"{path.parent.relative_to(folder)} rows"] = kept["rows"]
    plain: dict[str, Any] = json.loads(json.dumps(_timeless(found)))
    return plain


def _run(run: RunStore) -> dict[str, Any]:
    manifest = run.manifest
    found: dict[str, Any] = {
        "selection": asdict(manifest.selection),
        "findings": [asdict(finding) for finding in manifest.findings],
        "right": [manifest.model.right, manifest.model.checked],
    }
    if manifest.job == "assess":
        found["records"] = [{**asdict(each), "image": _digest(run, each)} for each in run.records()]
        return found
    found["clean"] = manifest.details.get("clean")
    found["surviving"] = manifest.details.get("surviving")
    for kind in _KINDS:
        if kind.TABLE in run.tables():
            found[kind.TABLE] = [{**asdict(each), "image": _digest(run, each)} for each in run.of(kind)]
    return found


def _digest(run: RunStore, record: Any) -> str | None:
    image = run.image(record)
    return None if image is None else hashlib.sha256(image.tobytes()).hexdigest()[:16]


def _timeless(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _timeless(each) for key, each in value.items() if key not in _TIMES}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_timeless(each) for each in value]
    return value
