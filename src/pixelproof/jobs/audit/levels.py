"""Few-pixel (L0) and threshold (L∞) levels of the first samples.

Kotyan & Vargas, "Adversarial robustness assessment: Why in evaluation both L0 and L∞ attacks are necessary", PLOS ONE
2022: networks that are robust in one of the two norms may not be in the other, so both are measured, at equal levels.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from pixelproof.data import ImageSet
from pixelproof.data.imageset import UInt8Array
from pixelproof.engine.judge import Bound
from pixelproof.errors import InputError
from pixelproof.jobs.assess import AssessJob
from pixelproof.jobs.assess_spec import make_spec
from pixelproof.jobs.audit.attacks import attempt
from pixelproof.jobs.audit.context import AuditContext, to_images
from pixelproof.jobs.runner import run_job
from pixelproof.results.audit.attacked import Attacked
from pixelproof.runs import Record

#: Pixels that may be changed, and grey levels by which all may be, as in the papers.
LEVELS = (1, 3, 5, 10)

#: An attack with levels, and its th.
Level = tuple[str, int]


def levels(audit: AuditContext) -> Mapping[Level, Attacked]:
    """What each attack does at each of ``LEVELS`` to the first ``effort.level_samples`` samples.

    Every level counts as an attack on the claim as well, where its images lie in the threat's ball.
    """
    rows = tuple(audit.samples.first(audit.effort.level_samples))
    measured = audit.evidence.memoise(f"levels|{len(rows)}", lambda: _measured(audit, rows))
    return {(each["attack"], each["threshold"]): _attempt(audit, rows, each) for each in measured}


def _attempt(audit: AuditContext, rows: tuple[int, ...], level: dict[str, Any]) -> Attacked:
    name = f"{level['attack']}(th={level['threshold']})"
    found = Attacked(
        attack=name,
        view="plain",
        needs="labels" if audit.classifier.kind == "labels" else "scores",
        rows=rows,
        fooled=tuple(level["fooled"]),
        within=tuple(level["within"]),
        queries=level["queries"],
        gradient_steps=0.0,
        seconds=level["seconds"],
    )
    return attempt(audit, f"{name}|plain|", lambda: found, rows)


def _measured(audit: AuditContext, rows: tuple[int, ...]) -> list[dict[str, Any]]:
    tried = [row for row in rows if row not in audit.decision.wrong]
    images: dict[Level, dict[int, UInt8Array]] = {}
    queries: dict[Level, int] = {}
    seconds: dict[Level, float] = {}
    for target, part in _by_target(audit, tried).items():
        row_of = {int(audit.samples.chosen.indices[row]): row for row in part}
        for record, image in _attacked(audit, audit.samples.chosen.take(part), target):
            level = (record.attack, record.level)
            queries[level] = queries.get(level, 0) + record.queries
            seconds[level] = seconds.get(level, 0.0) + record.seconds
            if image is not None:
                images.setdefault(level, {})[row_of[record.sample]] = image
    return [
        {
            "attack": attack,
            "threshold": threshold,
            **_decided(audit, rows, images.get((attack, threshold), {}), Bound(attack, threshold)),
            "queries": queries.get((attack, threshold), 0) / max(1, len(tried)),
            "seconds": seconds.get((attack, threshold), 0.0),
        }
        for attack in ("few-pixel", "threshold")
        for threshold in LEVELS
    ]


def _by_target(audit: AuditContext, tried: list[int]) -> dict[str, list[int]]:
    """Samples by the class that they shall be taken for, as the engine is told it."""
    if not tried:
        return {}
    targets = audit.samples.goal(torch.tensor(tried, device=audit.device)).targets
    if targets is None:
        return {"none": tried}
    found: dict[str, list[int]] = {}
    for row, target in zip(tried, targets.tolist(), strict=True):
        found.setdefault(str(target), []).append(row)
    return found


def _attacked(audit: AuditContext, data: ImageSet, target: str) -> list[tuple[Record, UInt8Array | None]]:
    """All records on ``data``, with the images that fooled."""
    spec = make_spec(
        model=audit.classifier.name,
        data=data.name,
        levels=LEVELS,
        target=target,
        seed=audit.seed,
        device="cuda" if audit.device.type == "cuda" else "cpu",
    )
    try:
        run = run_job(AssessJob(spec, audit.classifier, data), None)
    except InputError:
        if audit.random:  # every image was wrong by luck when it was asked again, so none was attacked
            return []
        raise
    with run:
        return [(each, run.image(each) if each.success else None) for each in run.records()]


def _decided(
    audit: AuditContext, rows: tuple[int, ...], images: Mapping[int, UInt8Array], bound: Bound
) -> dict[str, list[bool]]:
    """Of each of ``rows`` whether it is fooled, and whether within the threat; what was wrong before counts as both."""
    wrong = audit.decision.wrong
    fooled, within = {row: row in wrong for row in rows}, dict.fromkeys(rows, True)
    if images:
        which = torch.tensor(list(images), device=audit.device)
        seen = to_images(np.stack(list(images.values())), audit.device)
        fooled.update(zip(images, audit.decision.reached(seen, which, bound).tolist(), strict=True))
        within.update(zip(images, audit.samples.within(seen, which).tolist(), strict=True))
    return {"fooled": [fooled[row] for row in rows], "within": [within[row] for row in rows]}
