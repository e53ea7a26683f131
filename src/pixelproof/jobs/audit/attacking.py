"""One attack on samples of an audit, from images to what it did to each."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from pixelproof.attacks.attack import Attack, project_and_quantise
from pixelproof.attacks.goal import Unhurried
from pixelproof.attacks.oracle import Oracle
from pixelproof.jobs.audit.attacked import Attacked, View
from pixelproof.models import Classifier

if TYPE_CHECKING:
    from pixelproof.jobs.audit.case import Case

#: Images of a call, in attacks and judgements alike.
BATCH = 64


@dataclass(frozen=True)
class _Part:
    """What came of samples that were attacked by the same calls."""

    rows: Sequence[int]
    fooled: Sequence[bool]
    within: Sequence[bool]
    queries: int
    gradient_steps: int


def attack_samples(
    case: Case, attack: Attack, spelling: str, view: View, against: Classifier, chosen: Sequence[int], key: str
) -> Attacked:
    """What ``attack`` does to the samples ``chosen`` by what it sees of ``against``; ``case`` decides.

    Samples that are wrong without any attack are not attacked. ``key`` tells its random numbers from others'.
    """
    begun, right = time.perf_counter(), set(case.right)
    tried = [row for row in chosen if row in right]
    size = max(1, len(tried)) if attack.together else BATCH
    parts = [_part(case, attack, against, tried[k : k + size], key) for k in range(0, len(tried), size)]
    fooled = {row: each for part in parts for row, each in zip(part.rows, part.fooled, strict=True)}
    within = {row: each for part in parts for row, each in zip(part.rows, part.within, strict=True)}
    return Attacked(
        attack=spelling,
        view=view,
        needs=attack.needs,
        rows=tuple(chosen),
        fooled=tuple(fooled.get(row, True) for row in chosen),
        within=tuple(within.get(row, True) for row in chosen),
        queries=sum(part.queries for part in parts) / max(1, len(tried)),
        gradient_steps=sum(part.gradient_steps for part in parts) / max(1, len(tried)),
        seconds=time.perf_counter() - begun,
    )


def _part(case: Case, attack: Attack, against: Classifier, part: list[int], key: str) -> _Part:
    rows = torch.tensor(part, device=case.device)
    oracle = Oracle(against, BATCH, case.device, len(part))
    goal, clean = case.goal(rows), case.images[rows]
    if case.random and attack.needs == "gradients":
        goal = Unhurried(goal.labels, goal.targets)
    images = project_and_quantise(attack, attack(oracle, clean, goal, case.streams(key, rows)).detach(), clean)
    reached, inside = case.reached(images, rows), case.within(images, rows)
    if attack.ball is None:  # of those that seek the nearest image, what is farther is no success
        reached &= inside
    queries, steps = int(oracle.queries.sum()), int(oracle.gradient_steps.sum())
    return _Part(part, reached.tolist(), inside.tolist(), queries, steps)
