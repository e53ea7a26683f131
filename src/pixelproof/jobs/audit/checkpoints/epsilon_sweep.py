"""5. Success does not fall as epsilon grows, and reaches everything in the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import combinations
from math import sqrt

import torch

from pixelproof.errors import InputError
from pixelproof.jobs.audit.arsenal import iterative
from pixelproof.jobs.audit.attacked import Attacked
from pixelproof.jobs.audit.bars import band
from pixelproof.jobs.audit.case import Case
from pixelproof.jobs.audit.checkpoint import Answer, Checkpoint, Plot
from pixelproof.jobs.audit.claim import NORMS
from pixelproof.jobs.audit.measures.attacker import beside
from pixelproof.jobs.audit.measures.clean import clean_answers, clean_labels, right
from pixelproof.jobs.audit.paired import more_often, overstated, understated
from pixelproof.results.intervals import Rate
from pixelproof.wording import percent, plural

_FACTORS = (0.25, 0.5, 1, 2, 4)
_LAST_ITERATIONS, _LAST_RESTARTS = 40, 5  # of the unbounded attack, whose failing means something only if it is strong
_SMALL_DROP = 0.25  # the share of the drop measured at epsilon that a claim of epsilon / 255 tells of, at most

_UNITS = "Check the units on the way from the claim to the attack: lengths are in grey levels here, so 8 is 8/255."
_MASKED = "Look for what misleads the gradient: whatever fools within one epsilon is still there within a larger one."
_MORE = "Attack more samples to see whether this is chance."


def judge(case: Case) -> Answer:
    """Fails where more room fools significantly fewer, where all room leaves more than chance, or where units differ.

    A ball holds every smaller one, and an attack without bounds may show any image whatever.
    """
    if empty := _empty_ball(case):
        return Answer("fail", empty, _UNITS)
    if reason := case.blind("open"):
        raise InputError(reason)
    sweep = {epsilon: _attacked(case, epsilon) for epsilon in _epsilons(case)}
    curve = {0.0: Rate(len(case.right), len(case.samples)), **{each: found.right for each, found in sweep.items()}}
    passed = f"Success does not fall as epsilon grows; with all the room there is, {curve[max(curve)]} stay right."
    found = [*_scale(case, curve), *_falls(sweep), *_end(case, curve), Answer("pass", passed)]
    worst = min(found, key=lambda each: ("fail", "warn", "pass").index(each.verdict))
    numbers = tuple((f"Right at epsilon {epsilon:g}", str(rate)) for epsilon, rate in curve.items())
    return beside(case, replace(worst, numbers=numbers, plots=(_plot(case, curve),)))


# What is measured.


def _empty_ball(case: Case) -> str:
    """What is wrong with an epsilon within which there is nothing but the image; empty where none is stated."""
    told = case.claim.evaluation
    for what, norm, epsilon in (
        ("The claim is", case.threat.norm, case.threat.epsilon),
        ("The evaluation was", told.norm or case.threat.norm, told.epsilon),
    ):
        if norm != "l0" and epsilon is not None and epsilon < 1:
            return f"{what} within {epsilon:g} grey levels, where no 8-bit image but the clean one lies."
    return ""


def _epsilons(case: Case) -> list[float]:
    """Around the claim's, from one grey level up, and the diameter of the space of images."""
    values = case.images[0].numel()
    end = 255 * {"linf": 1, "l2": sqrt(values), "l1": values}.get(case.threat.norm, 1)
    around = (factor * case.threat.epsilon for factor in _FACTORS)
    return sorted({case.threat.epsilon, end, *(each for each in around if 1 <= each < end)})


def _attacked(case: Case, epsilon: float) -> Attacked:
    if epsilon == case.threat.epsilon:
        return case.attacked(iterative(case.threat), case.naive)
    if epsilon <= _FACTORS[-1] * case.threat.epsilon:
        return case.attacked(iterative(case.threat, epsilon=epsilon), case.naive)
    restarts = 1 if case.random else _LAST_RESTARTS  # against random answers each of them goes on to the end
    last = iterative(case.threat, _LAST_ITERATIONS, restarts=restarts, epsilon=epsilon)
    return case.attacked(last, case.naive)


# What is wrong with it.


def _scale(case: Case, curve: Mapping[float, Rate]) -> Iterator[Answer]:
    """A claim that is measured nowhere near its epsilon, but is at a 255th of it."""
    claimed, measured = case.claim.robust_accuracy, curve[case.threat.epsilon]
    clean = right(clean_answers(case), clean_labels(case))  # of more images than the samples, to tell it from the claim
    drop = 100 * ((clean.value or 0) - (measured.value or 0))
    if case.claim.clean_accuracy - claimed > _SMALL_DROP * drop:
        return
    if not overstated(claimed, measured) or understated(claimed, clean):
        return
    small = case.threat.epsilon / 255
    there = _attacked(case, small).right if small >= 1 else clean
    if overstated(claimed, there) or understated(claimed, there):
        return
    finding = (
        f"{claimed:g} % is claimed at epsilon {case.threat.epsilon:g}, where {measured} stay right; what agrees with "
        f"the claim is epsilon / 255, where {there} do."
    )
    yield Answer("fail", finding, _UNITS)


def _falls(sweep: Mapping[float, Attacked]) -> Iterator[Answer]:
    """Pairs of an epsilon and a larger one that fools fewer."""
    for (small, less), (large, more) in combinations(sweep.items(), 2):
        lost, won = len(_fooled(less) - _fooled(more)), len(_fooled(more) - _fooled(less))
        if lost > won:
            finding = (
                f"Success falls from epsilon {small:g} to {large:g}: {plural(lost, 'sample')} fooled only within the "
                f"smaller, {won} only within the larger."
            )
            sure = more_often(lost, won)
            yield Answer("fail", finding, _MASKED) if sure else Answer("warn", finding, _MORE)


def _end(case: Case, curve: Mapping[float, Rate]) -> Iterator[Answer]:
    """What still stands without bounds, beyond what guessing gets right."""
    rate, chance = curve[max(curve)], _chance(case)
    if (rate.value or 0) > chance:
        finding = f"With all the room there is, {rate} stay right, where guessing gets {percent(chance)}."
        sure = understated(100 * chance, rate)
        yield Answer("fail", finding, _MASKED) if sure else Answer("warn", finding, _MORE)


def _chance(case: Case) -> float:
    """The accuracy of the best constant answer to the samples, at least that of a uniform one."""
    counts = torch.bincount(case.labels)
    return max(1 / len(case.data.class_names), int(counts.max()) / len(case.labels))


def _fooled(found: Attacked) -> frozenset[int]:
    return frozenset(row for row, fooled in zip(found.rows, found.fooled, strict=True) if fooled)


def _plot(case: Case, curve: Mapping[float, Rate]) -> Plot:
    rows = [{"x": epsilon, **band(rate), "line": "PGD"} for epsilon, rate in curve.items() if epsilon]
    return Plot(
        name="epsilon-sweep",
        title="Accuracy against epsilon",
        kind="line",
        x=f"Epsilon, grey levels of {NORMS[case.threat.norm]}",
        y="Samples right, %",
        rows=tuple(rows),
        caption="PGD within growing epsilon, up to the diameter of the space of images; bands are 99 % intervals.",
        log_x=True,
        rule=(case.claim.robust_accuracy, "claimed"),
        mark=(case.threat.epsilon, "epsilon of the claim"),
    )


CHECKPOINT = Checkpoint(
    number=5,
    name="epsilon-sweep",
    title="Success grows with epsilon, up to everything",
    asks="Does more room ever fool fewer samples, and does anything stay right where the attack has no bounds?",
    needs="labels",
    source="Tekwani & Parmar, section III-F; Carlini et al., sections 5.2 and 5.3",
    judge=judge,
)
