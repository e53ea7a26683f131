"""Attacks on a model that rejects images: one that does not look at the detector, and one that has to pass it too.

Carlini & Wagner, "Adversarial Examples Are Not Easily Detected: Bypassing Ten Detection Methods", AISec 2017.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pixelproof.attacks.attack import project_and_quantise
from pixelproof.attacks.goal import Goal, wrong_classes
from pixelproof.attacks.named import parse_attack
from pixelproof.attacks.oracle import Oracle
from pixelproof.defences.differentiable import make_differentiable
from pixelproof.errors import InputError
from pixelproof.jobs.audit.arsenal import iterative, on_scores, strongest
from pixelproof.jobs.audit.attacked import Attacked
from pixelproof.jobs.audit.attacking import BATCH
from pixelproof.jobs.audit.case import Case
from pixelproof.jobs.audit.detector import detector_of
from pixelproof.models.classifier import Classifier, ScoreKind
from pixelproof.models.scores import log_scores

#: Samples attacked, at most: each is led to several classes in turn.
_SAMPLES = 50
#: The likeliest wrong classes, which an image is led to one after the other.
_AIMS = 4
_ITERATIONS = 25
_QUERIES = 300
_PROBED = 8


class Rejecting:
    """``classifier`` of K classes with one more, for "rejected", which wins exactly where ``detector`` rejects.

    Its score is (D + 1) · max Z, as Carlini & Wagner join the two, of logits Z that are shifted to begin at 0, so that
    the sign of their greatest does not matter.
    """

    kind: ScoreKind = "logits"

    def __init__(self, classifier: Classifier, detector: Classifier) -> None:
        self.classifier, self.detector = classifier, detector
        self.name = f"{classifier.name} and its detector"
        self.differentiable = classifier.differentiable
        self.fingerprint = f"{classifier.fingerprint} {detector.fingerprint}"

    def scores(self, images: Tensor) -> Tensor:
        """Scores N×(K + 1) of ``images``, float32 N×C×H×W in [0, 1]."""
        known = log_scores(self.classifier.scores(images), self.classifier.kind).float()
        known = known - known.amin(1, keepdim=True)
        rejection = (_signal(self.detector.scores(images)) + 1) * known.amax(1)
        return torch.cat([known, rejection[:, None]], 1)


@dataclass(frozen=True)
class Unaware:
    """The samples ``rows`` under an attack on the classifier alone: which were ``fooled``, and ``rejected`` then.

    ``alarms``: the samples that are rejected without any attack.
    """

    rows: tuple[int, ...]
    fooled: tuple[int, ...]
    rejected: tuple[int, ...]
    alarms: tuple[int, ...]

    @property
    def broken(self) -> frozenset[int]:
        return frozenset(self.fooled) - set(self.rejected)


def unaware(case: Case) -> Unaware:
    """Twenty steps against the classifier, or Square where it has no gradients."""
    value = case.once("detector|unaware", lambda: _unaware(case))
    return Unaware(**{key: tuple(each) for key, each in value.items()})


def aware(case: Case) -> list[Attacked]:
    """Attacks on classifier and detector together: along gradients, and on scores where one of the two has none."""
    rows = [row for row in attacked_rows(case) if row in set(case.right)]
    both, gradients = _together(case)
    found = []
    if not case.blind("open"):
        following = strongest(case.threat, replace(case.effort, iterations=_ITERATIONS))[1]
        found.append(_led(case, both, following, rows, _AIMS))
        rows = [row for row in rows if row not in found[-1].broken]
    if not gradients:
        asking = on_scores(case.threat, replace(case.effort, queries=min(_QUERIES, case.effort.queries)))
        found.append(_led(case, both, asking, rows, 1))
    return found


def attacked_rows(case: Case) -> tuple[int, ...]:
    return tuple(range(min(_SAMPLES, len(case.samples))))


def _unaware(case: Case) -> dict[str, list[int]]:
    blind = case.blind("open")
    attack = parse_attack(on_scores(case.threat, case.effort) if blind else iterative(case.threat))
    rows = torch.tensor(attacked_rows(case), device=case.device)
    clean, goal = case.images[rows], case.goal(rows)
    oracle = case.oracle(len(rows), "open" if case.blind("plain") else "plain")
    images = project_and_quantise(attack, attack(oracle, clean, goal, case.streams("unaware", rows)).detach(), clean)
    fooled = goal.reached(case.log_scores(images)) & case.within(images, rows)
    return {
        "rows": rows.tolist(),
        "fooled": rows[fooled].tolist(),
        "rejected": rows[case.rejected(images)].tolist(),
        "alarms": rows[case.rejected(clean)].tolist(),
    }


def _together(case: Case) -> tuple[Rejecting, bool]:
    """Both laid open and joined; and whether there are gradients to both."""
    detector = detector_of(case.classifier)
    if detector is None:
        raise InputError("The model brings no detector; give it a method detector(images).")
    seen = make_differentiable(detector, case.images[:_PROBED], random=case.random, draws=case.effort.draws).classifier
    return Rejecting(case.opened.classifier, seen), not case.blind("open") and _sloped(case, seen)


def _sloped(case: Case, detector: Classifier) -> bool:
    images, rows = case.images[:_PROBED], torch.arange(len(case.images[:_PROBED]), device=case.device)
    try:
        oracle = Oracle(detector, BATCH, case.device, len(rows))
        _, gradient = oracle.gradient(images, rows, lambda scores, _: _signal(scores))
    except InputError:
        return False
    return bool(gradient.any())


def _led(case: Case, both: Rejecting, spelling: str, rows: Sequence[int], aims: int) -> Attacked:
    return case.attempt(f"{spelling}|open|past the detector", lambda: _lead(case, both, spelling, rows, aims), rows)


def _lead(case: Case, both: Rejecting, spelling: str, chosen: Sequence[int], aims: int) -> Attacked:
    """What the attack does to the samples ``chosen`` by leading them to wrong classes that are not rejected."""
    attack, begun, broken = parse_attack(spelling), time.perf_counter(), set[int]()
    counts = [0, 0]
    rows = torch.tensor(chosen, dtype=torch.int64, device=case.device)
    for targets in _aims(case, rows, aims).unbind(1):
        left = torch.tensor([row not in broken for row in chosen], dtype=torch.bool, device=case.device)
        part, clean = rows[left], case.images[rows[left]]
        if not len(part):
            break
        oracle, goal = Oracle(both, BATCH, case.device, len(part)), Goal(case.labels[part], targets[left])
        streams = case.streams(f"{spelling}|past the detector", part)
        images = project_and_quantise(attack, attack(oracle, clean, goal, streams).detach(), clean)
        broken |= set(part[case.reached(images, part) & case.within(images, part)].tolist())
        counts = [counts[0] + int(oracle.queries.sum()), counts[1] + int(oracle.gradient_steps.sum())]
    return Attacked(
        attack=f"{spelling} past the detector",
        view="open",
        needs=attack.needs,
        rows=tuple(chosen),
        fooled=tuple(row in broken for row in chosen),
        within=(True,) * len(chosen),
        queries=counts[0] / max(1, len(chosen)),
        gradient_steps=counts[1] / max(1, len(chosen)),
        seconds=time.perf_counter() - begun,
    )


def _aims(case: Case, rows: Tensor, count: int) -> Tensor:
    """The classes that each of ``rows`` is led to, n×count: the threat's, or the likeliest wrong ones."""
    goal = case.goal(rows)
    if goal.targets is not None:
        return goal.targets[:, None]
    if not len(rows):
        return rows[:, None]
    return wrong_classes(case.log_scores(case.images[rows]), goal.labels, count)


def _signal(scores: Tensor) -> Tensor:
    """D of a detector's scores (0, D), or of their mean."""
    return scores[:, 1] - scores[:, 0]
