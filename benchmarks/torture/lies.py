"""What a capable liar would rather have had: each changes all that it has to, so that nothing inside contradicts it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from pixelproof.runs import Record, RunStore
from pixelproof.runs.table import columns

Lie = Callable[[RunStore], bool]


def _manifest(run: RunStore, key: str, change: Callable[[Any], Any]) -> bool:
    value = run._manifest_values()[key]
    changed = change(json.loads(json.dumps(value)))
    run._db.execute("UPDATE manifest SET value = ? WHERE key = ?", (json.dumps(changed), key))
    return bool(changed != value)


def _perfect(run: RunStore) -> bool:
    return _manifest(run, "model", lambda model: {**model, "right": model["checked"]})


def _unwarned(run: RunStore) -> bool:
    return _manifest(run, "findings", lambda _: [])


def _warned(run: RunStore) -> bool:
    finding = {"name": "at-chance", "severity": "warning", "message": "The model is right on 3 of 30 images."}
    return _manifest(run, "findings", lambda findings: [*findings, finding])


def _permuted(run: RunStore) -> bool:
    return _manifest(run, "data", lambda data: {**data, "class_names": data["class_names"][::-1]})


def _renamed(run: RunStore) -> bool:
    return _manifest(run, "model", lambda model: {**model, "name": "resnet-50"})


def _other_data(run: RunStore) -> bool:
    return _manifest(run, "data", lambda data: {**data, "name": "imagenet"})


def _fewer_considered(run: RunStore) -> bool:
    return _manifest(run, "selection", lambda chosen: {**chosen, "considered": len(chosen["samples"])})


def _running(run: RunStore) -> bool:
    """Unfinished, so that what is missing claims nothing; a record is taken away with it."""
    if not _records(run) or not run.records():
        return False
    run._db.execute("DELETE FROM images WHERE record = (SELECT max(id) FROM records)")
    run._db.execute("DELETE FROM records WHERE id = (SELECT max(id) FROM records)")
    return _manifest(run, "status", lambda _: "running") and _manifest(run, "contents", lambda _: None)


def _last_dropped(run: RunStore) -> bool:
    """The last sample, with all that is of it."""
    if not _records(run):
        return False
    chosen = run.manifest.selection
    if len(chosen.samples) < 2:
        return False
    last = chosen.samples[-1]
    run._db.execute("DELETE FROM images WHERE record IN (SELECT id FROM records WHERE sample = ?)", (last,))
    for table in ("records", "certificates", "clean"):
        run._db.execute(f"DELETE FROM {table} WHERE sample = ?", (last,))
    return _manifest(
        run,
        "selection",
        lambda told: {
            **told,
            "samples": told["samples"][:-1],
            "labels": told["labels"][:-1],
            "considered": told["considered"] - 1,
        },
    )


def _erased(run: RunStore, samples: list[int]) -> bool:
    """All successes on ``samples`` told as failures of a search that spent its budget."""
    if not _records(run):
        return False
    budgets = {(s["constraint"], s["threshold"]): s["max_queries"] for s in run.manifest.settings["searches"]}
    erased = 0
    for record in run.records():
        if not record.success or record.sample not in samples:
            continue
        key = run._rows(
            'SELECT id FROM records WHERE sample = ? AND "constraint" IS ? AND threshold IS ? AND method = ? '
            "AND parameters = ?",
            (record.sample, record.constraint, record.threshold, record.method, record.parameters),
        )[0][0]
        run._db.execute("DELETE FROM images WHERE kind = 'records' AND record = ?", (key,))
        if record.by_proof:
            run._db.execute("DELETE FROM records WHERE id = ?", (key,))
            continue
        most = budgets.get((record.constraint, record.threshold), record.queries)
        run._db.execute(
            "UPDATE records SET success = 0, inherited_from = NULL, predicted = label, confidence = clean_confidence, "
            "l0 = NULL, l1 = NULL, l2 = NULL, linf = NULL, queries = ?, margin = 1.0 WHERE id = ?",
            (most, key),
        )
        erased += 1
    return erased > 0


def _all_erased(run: RunStore) -> bool:
    return _erased(run, list(run.manifest.selection.samples))


def _one_erased(run: RunStore) -> bool:
    fallen = [record.sample for record in run.records() if record.success] if _records(run) else []
    return _erased(run, fallen[:1])


def _withstood_above(run: RunStore) -> bool:
    """A sample that fell at a level is said to have withstood at the next, where it inherits."""
    if not _records(run):
        return False
    chosen = "SELECT id FROM records WHERE inherited_from IS NOT NULL LIMIT 1"
    run._db.execute(f"DELETE FROM images WHERE kind = 'records' AND record = ({chosen})")
    done = run._db.execute(
        "UPDATE records SET success = 0, inherited_from = NULL, predicted = label, confidence = clean_confidence, "
        f"l0 = NULL, l1 = NULL, l2 = NULL, linf = NULL, queries = 40 WHERE id = ({chosen})"
    )
    return done.rowcount > 0


def _image_kept(run: RunStore) -> bool:
    """A success told as a failure whose image is still there."""
    if not _records(run):
        return False
    return (
        run._db.execute(
            "UPDATE records SET success = 0, predicted = label, confidence = clean_confidence, l0 = NULL, l1 = NULL, "
            "l2 = NULL, linf = NULL "
            "WHERE id = (SELECT id FROM records WHERE success ORDER BY inherited_from, id LIMIT 1)"
        ).rowcount
        > 0
    )


def _nearer(run: RunStore) -> bool:
    """Every image said to lie nearer than it does."""
    return _records(run) and run._db.execute("UPDATE records SET l2 = l2 / 2 WHERE success").rowcount > 0


def _weaker(run: RunStore) -> bool:
    """A search with fewer queries told than it had, in the settings and in what was asked for."""
    if not _records(run) or not run.manifest.settings["searches"]:
        return False
    _manifest(run, "spec", lambda spec: {**spec, "max_queries": 10_000})
    return _manifest(
        run,
        "settings",
        lambda told: {**told, "searches": [{**each, "max_queries": 10_000} for each in told["searches"]]},
    )


def _records(run: RunStore) -> bool:
    return Record.TABLE in run.tables() and "queries" in columns(Record)


def _steps_gone(run: RunStore) -> bool:
    """The last step of a run of steps, and of what was planned, so that it was never there."""
    steps = run.manifest.details.get("steps", [])
    if len(steps) < 2:
        return False
    run._db.execute("DELETE FROM steps WHERE step = ?", (steps[-1],))
    return _manifest(run, "details", lambda details: {**details, "steps": steps[:-1]})


#: By what is gained.
LIES: dict[str, Lie] = {
    "clean accuracy of 100 %": _perfect,
    "no warnings": _unwarned,
    "a warning that was not": _warned,
    "classes in another order": _permuted,
    "a model of another name": _renamed,
    "data of another name": _other_data,
    "fewer images considered": _fewer_considered,
    "a finished run that is not": _running,
    "without its last sample": _last_dropped,
    "no successes": _all_erased,
    "one sample robust": _one_erased,
    "robust at a level above the one it fell at": _withstood_above,
    "a failure whose image fools": _image_kept,
    "images that lie nearer": _nearer,
    "a search of more queries": _weaker,
    "without its last step": _steps_gone,
}
