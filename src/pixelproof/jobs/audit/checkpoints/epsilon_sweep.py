"""5. Success does not fall as epsilon grows, and reaches everything in the end."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import combinations
from math import sqrt

import torch

from pixelproof.errors import InputError
from pixelproof.jobs.audit.attacks import attack, iterative
from pixelproof.jobs.audit.checkpoint import beside, claimed_rule, curve
from pixelproof.jobs.audit.context import AuditContext
from pixelproof.jobs.audit.follow import inside_attacks
from pixelproof.jobs.audit.surviving import tempered
from pixelproof.results.audit.attacked import Attacked, broken_rows
from pixelproof.results.audit.checkpoint import Answer
from pixelproof.results.audit.claim import NORMS
from pixelproof.results.audit.power import sign_number
from pixelproof.results.audit.statistics import accuracy, more_often, overstated, understated
from pixelproof.results.intervals import Rate
from pixelproof.wording import percent, plural

_FACTORS = (0.25, 0.5, 1, 2, 4)
_LAST_ITERATIONS, _LAST_RESTARTS = 40, 5  # of the unbounded attack, whose failing means something only if it is strong
_SMALL_DROP = 0.25  # the share of the drop measured at epsilon that a claim of epsilon / 255 tells of, at most

_UNITS = "Check the units on the way from the claim to the attack: lengths are in grey levels here, so 8 is 8/255."
_MASKED = "Look for what misleads the gradient: whatever fools within one epsilon is still there within a larger one."
_MORE = "Attack more samples to see whether this is chance."


def check(audit: AuditContext) -> Answer:
    """Fails where more room fools significantly fewer, where all room leaves more than chance, or where units differ.

    A ball holds every smaller one, and an attack without bounds may show any image whatever.
    """
    if empty := _empty_ball(audit):
        return Answer("fail", empty, _UNITS)
    if reason := audit.access.no_gradients("open"):
        raise InputError(reason)
    sweep = {epsilon: _attacked(audit, epsilon) for epsilon in _epsilons(audit)}
    rates = {0.0: audit.samples.surviving(audit.decision.wrong), **{each: found.right for each, found in sweep.items()}}
    passed = f"Success does not fall as epsilon grows; with all the room there is, {rates[max(rates)]} stay right."
    ends = list(_end(audit, rates))
    found = [*_scale(audit, rates), *_falls(sweep), *ends, Answer("pass", passed)]
    worst = min(found, key=lambda each: ("fail", "warn", "pass").index(each.verdict))
    numbers = tuple((f"Right at epsilon {epsilon:g}", str(rate)) for epsilon, rate in rates.items())
    plot = curve(
        "epsilon-sweep",
        "Accuracy against epsilon",
        ((epsilon, rate, "PGD") for epsilon, rate in rates.items() if epsilon),
        x=f"Epsilon, grey levels of {NORMS[audit.threat.norm]}",
        caption="PGD within growing epsilon, up to the diameter of the space of images; bands are 99 % intervals.",
        log_x=True,
        rule=claimed_rule(audit),
        mark=(audit.threat.epsilon, "epsilon of the claim"),
    )
    answer = replace(worst, numbers=(*numbers, sign_number(len(audit.samples))), plots=(plot,))
    # Attacks that fail with all the room there is support nothing by failing at epsilon, unless others got there.
    others = broken_rows(inside_attacks(audit)) - audit.decision.wrong
    return tempered(audit, answer) if others or worst not in ends else beside(audit, answer)


# What is measured.


def _empty_ball(audit: AuditContext) -> str:
    """What is wrong with an epsilon within which there is nothing but the image; empty where none is stated."""
    evaluation = audit.claim.evaluation
    for what, norm, epsilon in (
        ("The claim is", audit.threat.norm, audit.threat.epsilon),
        ("The evaluation was", evaluation.norm or audit.threat.norm, evaluation.epsilon),
    ):
        if norm != "l0" and epsilon is not None and epsilon < 1:
            return f"{what} within {epsilon:g} grey levels, where no 8-bit image but the clean one lies."
    return ""


def _epsilons(audit: AuditContext) -> list[float]:
    """Around the claim's, from one grey level up, and the diameter of the space of images."""
    values = audit.samples.images[0].numel()
    end = 255 * {"linf": 1, "l2": sqrt(values), "l1": values}.get(audit.threat.norm, 1)
    around = (factor * audit.threat.epsilon for factor in _FACTORS)
    return sorted({audit.threat.epsilon, end, *(each for each in around if 1 <= each < end)})


def _attacked(audit: AuditContext, epsilon: float) -> Attacked:
    if epsilon == audit.threat.epsilon:
        return attack(audit, iterative(audit.threat), audit.claimed_view)
    if epsilon <= _FACTORS[-1] * audit.threat.epsilon:
        return attack(audit, iterative(audit.threat, epsilon=epsilon), audit.claimed_view)
    restarts = 1 if audit.random else _LAST_RESTARTS  # against random answers each of them goes on to the end
    last = iterative(audit.threat, _LAST_ITERATIONS, restarts=restarts, epsilon=epsilon)
    return attack(audit, last, audit.claimed_view)


# What is wrong with it.


def _scale(audit: AuditContext, rates: Mapping[float, Rate]) -> Iterator[Answer]:
    """A claim that is measured nowhere near its epsilon, but is at another: a 255th, a quarter or a half of it."""
    claimed, epsilon = audit.claim.robust_accuracy, audit.threat.epsilon
    if not overstated(claimed, rates[epsilon]):
        return
    if (there := _at_a_255th(audit, rates[epsilon])) is not None:
        finding = (
            f"{claimed:g} % is claimed at epsilon {epsilon:g}, where {rates[epsilon]} stay right; what agrees with "
            f"the claim is epsilon / 255, where {there} do."
        )
        yield Answer("fail", finding, _UNITS)
        return
    for smaller in (each for each in rates if 0 < each < epsilon):
        if _agrees(claimed, rates[smaller]):
            finding = (
                f"{claimed:g} % is claimed at epsilon {epsilon:g}, where {rates[epsilon]} stay right; what agrees with "
                f"the claim is an epsilon of {smaller:g}, where {rates[smaller]} do. Its unit may be another: values "
                "that are normalised by their deviation span about four times the range of those in [0, 1]."
            )
            yield Answer("fail", finding, _UNITS)
            return


def _at_a_255th(audit: AuditContext, measured: Rate) -> Rate | None:
    """What stays right within a 255th of epsilon, where the claim agrees with that; else None."""
    claimed, small = audit.claim.robust_accuracy, audit.threat.epsilon / 255
    clean = accuracy(audit.clean_answers(), audit.clean_labels)  # of more images than the samples, to tell it from it
    drop = 100 * ((clean.value or 0) - (measured.value or 0))
    if audit.claim.clean_accuracy - claimed > _SMALL_DROP * drop or understated(claimed, clean):
        return None
    there = _attacked(audit, small).right if small >= 1 else clean
    return there if _agrees(claimed, there) else None


def _agrees(claimed: float, rate: Rate) -> bool:
    return not (overstated(claimed, rate) or understated(claimed, rate))


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


def _end(audit: AuditContext, rates: Mapping[float, Rate]) -> Iterator[Answer]:
    """What is still right without bounds, beyond what guessing gets right."""
    rate, chance = rates[max(rates)], _chance(audit)
    if (rate.value or 0) > chance:
        finding = f"With all the room there is, {rate} stay right, where guessing gets {percent(chance)}."
        sure = understated(100 * chance, rate)
        yield Answer("fail", finding, _MASKED) if sure else Answer("warn", finding, _MORE)


def _chance(audit: AuditContext) -> float:
    """The accuracy of the best constant answer to the samples, at least that of a uniform one."""
    counts = torch.bincount(audit.samples.labels)
    return max(1 / len(audit.data.class_names), int(counts.max()) / len(audit.samples.labels))


def _fooled(found: Attacked) -> frozenset[int]:
    return frozenset(row for row, fooled in zip(found.rows, found.fooled, strict=True) if fooled)
