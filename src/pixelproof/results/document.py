"""What a run says, as plain values for scripts: what ``--json`` prints and ``results.json`` holds."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import Any

from pixelproof.results import perturb_view
from pixelproof.results.audit import view as audit
from pixelproof.results.clever import clever_result
from pixelproof.results.failure import plain
from pixelproof.results.gate.measure import Measure
from pixelproof.results.gate.read import measures
from pixelproof.results.intervals import Rate
from pixelproof.results.knowledge import Knowledge, KnowledgeLevel, optimality
from pixelproof.results.scoreboard import Row, rate_row
from pixelproof.results.status import LevelStatus
from pixelproof.results.study.fast import FastRow, fast_rows_of
from pixelproof.results.verdict import sentence, verdict
from pixelproof.results.view import read
from pixelproof.runs.record import Constraint
from pixelproof.runs.store import RunStore


def document(run: RunStore) -> dict[str, Any]:
    """What ``run`` is and found; of an unfinished one its levels so far, and no rows of other kinds of jobs."""
    manifest = run.manifest
    what = {
        "run": None if run.folder is None else str(run.folder),
        "job": manifest.job,
        "status": manifest.status,
        "identity": manifest.identity,
        "model": manifest.model.name,
        "data": manifest.data.name,
        "samples": len(manifest.selection.samples),
        "considered": manifest.selection.considered,
        "timings": manifest.timings,
        "findings": [asdict(finding) for finding in manifest.findings],
        "measures": list(map(_measure, measures(run))),
    }
    if manifest.job == "assess":
        view = read(run)
        attacks = [rate_row(each.key, "% broken", each.fooled) for each in view.attempts]
        shares = {"failure_probabilities": list(map(plain, view.shares))} if view.shares else {}
        reached = optimality(view.knowledge)
        knowledge = {"knowledge": [_seen(row, reached) for row in view.knowledge]} if view.knowledge else {}
        return {**what, "levels": list(map(_level, view.statuses)), **knowledge, **shares, "rows": attacks}
    return {**what, "rows": list(_ROWS[manifest.job](run)) if manifest.status == "finished" else []}


_ROWS: Mapping[str, Callable[[RunStore], Iterable[Row]]] = {
    "perturb": lambda run: perturb_view.rows(perturb_view.perturb_view(run)),
    "audit": lambda run: audit.rows(audit.audit_view(run)),
    "clever": lambda run: clever_result(run).rows(),
    "transfer": lambda run: map(_transferred, fast_rows_of(run)),
}


def _measure(measure: Measure) -> dict[str, Any]:
    """What ``pixelproof check`` may require: a share, a count or a verdict; of what is not finished nothing yet."""
    value = (
        measure.verdict if measure.unit == "verdict" else measure.count if measure.unit == "count" else measure.value
    )
    shown = None if measure.pending else value
    return {"name": measure.name, "value": shown, "unit": measure.unit, "images": measure.total}


def _transferred(each: FastRow) -> Row:
    claim = f"{each.attack}, th = {each.threshold}, by stored images"
    about = {"attack": each.attack, "threshold": each.threshold, "network": each.target, "sources": list(each.sources)}
    return rate_row(claim, "% of images right before that a stored image breaks", each.fooled, **about)


def _level(level: LevelStatus) -> dict[str, Any]:
    return {
        "constraint": level.constraint,
        "threshold": level.threshold,
        "images": level.total,
        "broken": level.broken.successes,
        "proved": level.proved,
        "open": level.open,
        "pending": level.pending,  # of the open ones
        "success_rate": None if level.pending else _share(level.broken),
        "verdict": verdict(level),
        "sentence": sentence(level),
    }


def _seen(row: KnowledgeLevel, reached: Mapping[tuple[Constraint, Knowledge], float]) -> dict[str, Any]:
    """One level by what the attacker sees of the model."""
    return {
        "constraint": row.constraint,
        "threshold": row.threshold,
        "knowledge": row.knowledge,
        "attacks": list(row.methods),
        "images": row.rate.total,
        "broken": row.rate.successes,
        "success_rate": _share(row.rate),
        "optimality": reached.get((row.constraint, row.knowledge)),
    }


def _share(rate: Rate) -> dict[str, float | None]:
    """A share in [0, 1] with its 95 % interval."""
    return {"value": rate.value, "low": rate.interval.low, "high": rate.interval.high}
