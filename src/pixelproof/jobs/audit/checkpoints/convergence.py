"""6. The attack has converged: more iterations change nothing.

Descent is by Madry et al., "Towards Deep Learning Models Resistant to Adversarial Attacks", ICLR 2018; on running
attacks until they no longer change, Carlini et al., arXiv:1902.06705, 2019, section 4.8.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor

from pixelproof.attacks.attack import Attack
from pixelproof.attacks.named import parse_attack
from pixelproof.attacks.norm_ball import Norm, NormBall, random_start
from pixelproof.errors import InputError
from pixelproof.jobs.audit.attacks import attack, attempt, downhill, iterative, outcome, single_step
from pixelproof.jobs.audit.checkpoint import claimed_rule, curve
from pixelproof.jobs.audit.claimed import over_right
from pixelproof.jobs.audit.context import AuditContext
from pixelproof.jobs.audit.surviving import tempered
from pixelproof.results.audit.checkpoint import Answer
from pixelproof.results.audit.power import sign_number
from pixelproof.results.audit.statistics import fools_more, more_often
from pixelproof.results.intervals import Rate
from pixelproof.wording import count, plural

_FIRST = 10  # iterations, doubled from here on
_STEP = 0.1  # of epsilon: short enough for fine work, and ten reach across the ball
_REPEATED, _RESTARTS = 100, 2  # iterations and restarts of the claim's own attack that are made again, at most
_REACH = 2.5  # epsilons that all steps together cover, where a claim does not tell its step (Madry et al., 2018)


def check(audit: AuditContext) -> Answer:
    """Fails where the claim's own number of iterations fools significantly fewer than more of them do.

    The descent is on the model made differentiable, as a careful evaluator has it. A claim no higher than what stays
    right in the end was not measured by too few iterations, whatever number it tells; of a random model, whose answers
    vary, one not significantly higher.
    """
    doublings, stated = _doublings(audit.effort.iterations), _claimed_iterations(audit)
    watch = sorted({*doublings, *([stated] if stated and stated < doublings[-1] else [])})
    descent = descend(audit, _STEP * audit.threat.epsilon, watch, doublings)
    answer = _shape(descent, doublings)
    if stated:
        answer = _too_few(audit, stated, descent) or _not_reproduced(audit, stated) or answer
    numbers = tuple((f"Right after {plural(each, 'iteration')}", str(descent.right(each))) for each in descent.watched)
    plot = curve(
        "convergence",
        "Accuracy against iterations",
        ((each, descent.right(each), "PGD") for each in descent.watched),
        x="Iterations",
        caption=f"One descent by steps of {_STEP:g} epsilon on the model laid open; bands are 99 % intervals.",
        log_x=True,
        rule=claimed_rule(audit),
        mark=None if stated is None else (stated, "iterations of the claim"),
    )
    return tempered(
        audit, replace(answer, numbers=(*numbers, *answer.numbers, sign_number(len(descent.fell))), plots=(plot,))
    )


def _doublings(most: int) -> list[int]:
    """``most``, halved down to about ten, in rising order."""
    found = [most]
    while found[0] >= 2 * _FIRST:
        found.insert(0, found[0] // 2)
    return found


def _claimed_iterations(audit: AuditContext) -> int | None:
    """The iterations of the claim's descent, as told or by the name of its attack; None where it is no descent."""
    evaluation = audit.claim.evaluation
    try:
        named = parse_attack(evaluation.attack.lower().partition(":")[0])
    except InputError:  # none of ours, or a library's
        return evaluation.iterations
    if named.needs != "gradients":
        return None
    usual: int | None = 1 if named.name == "fgsm" else getattr(named, "iterations", None)
    return evaluation.iterations or usual


def _too_few(audit: AuditContext, stated: int, descent: Descent) -> Answer | None:
    last = descent.watched[-1]
    if stated >= last:
        return None
    own, final = _own(audit, stated, descent), descent.broken(last)
    right, end = audit.samples.surviving(own), audit.samples.surviving(final)
    claimed = audit.claim.robust_accuracy
    higher = audit.refuted_by(end) if audit.random else claimed > 100 * (end.value or 0)
    if not (higher and fools_more(final, own)):
        return None
    finding = (
        f"{plural(stated, 'iteration').capitalize()}, the claim's number, leave {right} right, but {count(last)} leave "
        f"{end}: the claim's attack stopped too early."
    )
    remedy = "Measure again, doubling the iterations until two doublings in a row change nothing."
    return Answer("fail", finding, remedy, (("Right after the claim's iterations and step", str(right)),))


def _own(audit: AuditContext, stated: int, descent: Descent) -> frozenset[int]:
    """What falls by so many iterations, with the claim's step and restarts where it tells them."""
    evaluation, epsilon = audit.claim.evaluation, audit.threat.epsilon
    step = evaluation.step or epsilon * max(_STEP, _REACH / stated)
    restarts = min(evaluation.restarts or 1, audit.effort.restarts)
    if step == _STEP * epsilon and (restarts == 1 or audit.random):
        return descent.broken(stated)
    if restarts == 1 or audit.random:  # where PGD stops at the first answer that is wrong by luck
        return descend(audit, step, [stated]).broken(stated)
    return attack(audit, iterative(audit.threat, stated, step, restarts), "open").broken


def _not_reproduced(audit: AuditContext, stated: int) -> Answer | None:
    """Where the attack that the claim names refutes it when it is made here, as its evaluation saw the model."""
    evaluation = audit.claim.evaluation
    if _named(audit) is None or audit.random:
        return None
    restarts = min(evaluation.restarts or 1, _RESTARTS)
    spec = iterative(audit.threat, min(stated, _REPEATED), evaluation.step, restarts)
    if stated == 1:
        spec = single_step(audit.threat)
    found = attack(audit, spec, audit.claimed_view)
    if not audit.refuted_by(found.robust_accuracy):
        return None
    finding = (
        f"The attack that the claim names, made here to its end ({found.attack}), leaves {found.robust_accuracy} "
        f"right, where {audit.claim.robust_accuracy:g} % is claimed: there it was stopped early, as at the first fall "
        f"of its loss, or had another epsilon or other images. {over_right(audit, found.robust_accuracy)}"
    ).strip()
    remedy = "Run every attack to its last iteration, keep its best image, and hand the code of the evaluation over."
    return Answer("fail", finding, remedy, ((f"Right after the claim's own attack, {spec}", str(found.right)),))


def _named(audit: AuditContext) -> Attack | None:
    """The attack by gradients of ours that the claim names, if it does."""
    try:
        named = parse_attack(audit.claim.evaluation.attack.lower())
    except InputError:
        return None
    return named if named.needs == "gradients" else None


def _shape(descent: Descent, doublings: list[int]) -> Answer:
    """Whether the last doubling still changed something."""
    last = descent.watched[-1]
    before = max((each for each in doublings if each < last), default=0)
    late = len(descent.broken(last) - descent.broken(before))
    more = f"{plural(late, 'more sample')} fooled"
    if more_often(late, 0):
        finding = f"Success still grows: from {count(before)} to {count(last)} iterations {more}."
        return Answer("warn", finding, "Audit with more iterations, until the curve is flat.")
    if not late:
        return Answer(
            "pass",
            f"No further sample was fooled from {count(before)} to {count(last)} iterations; "
            f"{descent.right(last)} stay right.",
        )
    finding = f"From {count(before)} to {count(last)} iterations {more}, as chance could have it"
    return Answer("pass", f"{finding}; {descent.right(last)} stay right.")


@dataclass(frozen=True)
class Descent:
    """``watched``: the iterations at which images were judged, as far as it went; ``fell``: at which of them each
    sample was first seen fooled (0: without any attack; None: never). Means are over the images attacked."""

    watched: tuple[int, ...]
    fell: tuple[int | None, ...]
    queries: float
    gradient_steps: float
    seconds: float

    def broken(self, iterations: int) -> frozenset[int]:
        """The samples fooled by the last point watched that is not beyond ``iterations``."""
        return frozenset(row for row, at in enumerate(self.fell) if at is not None and at <= iterations)

    def right(self, iterations: int) -> Rate:
        return Rate(len(self.fell) - len(self.broken(iterations)), len(self.fell))


def descend(audit: AuditContext, step: float, watch: Sequence[int], doublings: Sequence[int] = ()) -> Descent:
    """PGD by ``step`` grey levels from a random start, on the model made differentiable, watched at ``watch``.

    Images are judged at these numbers of iterations and nowhere between, so that random answers are not asked until one
    is wrong by luck. It ends where two of ``doublings`` in a row fool nothing more. Counts in the worst case. Raises
    ``InputError`` for L0.
    """
    name = f"{iterative(audit.threat, max(watch), step)}|watched {','.join(map(str, watch))}"
    measured: dict[str, Any] = audit.evidence.memoise(
        f"descent|{name}", lambda: asdict(_Run(audit, step).until(watch, doublings))
    )
    found = Descent(**{**measured, "watched": tuple(measured["watched"]), "fell": tuple(measured["fell"])})
    attacked = outcome(
        iterative(audit.threat, found.watched[-1], step),
        "gradients",
        range(len(found.fell)),
        (at is not None for at in found.fell),
        view="open",
        queries=found.queries,
        gradient_steps=found.gradient_steps,
        seconds=found.seconds,
    )
    attempt(audit, name, lambda: attacked, attacked.rows)
    return found


class _Run:
    """The images still under attack: ``rows`` are their samples, ``places`` their numbers in goal and oracle."""

    def __init__(self, audit: AuditContext, step: float) -> None:
        self.audit, self.step, self.begun = audit, step / 255, time.perf_counter()
        norm: Norm = audit.threat.norm  # type: ignore[assignment]  # L0 has been refused
        self.budget = NormBall(norm, audit.threat.epsilon)
        self.rows = torch.tensor(audit.decision.right, device=audit.device)
        self.places = torch.arange(len(self.rows), device=audit.device)
        self.oracle, self.goal = audit.access.oracle(len(self.rows), "open"), audit.samples.goal(self.rows)
        self.clean = audit.samples.images[self.rows]
        self.moved = random_start(self.clean, self.budget, audit.samples.streams(f"descent|{step:g}", self.rows))
        self.found = self.clean.clone()
        self.fell: list[int | None] = [0] * len(audit.samples)
        for row in audit.decision.right:
            self.fell[row] = None

    def until(self, watch: Sequence[int], doublings: Sequence[int]) -> Descent:
        done, since, quiet, watched = 0, 0, -1, []  # the first of the doublings doubles nothing
        for stop in watch:
            fooled = self._drop_fooled(self._descend(stop - done), stop)
            watched.append(stop)
            done, since = stop, since + fooled
            if stop in doublings:
                quiet, since = 0 if since else quiet + 1, 0
            if quiet == 2 or not len(self.rows):
                break
        if self.audit.random:
            self._confirm()
        attacked = max(1, self.oracle.queries.numel())
        return Descent(
            watched=tuple(watched),
            fell=tuple(self.fell),
            queries=int(self.oracle.queries.sum()) / attacked,
            gradient_steps=int(self.oracle.gradient_steps.sum()) / attacked,
            seconds=time.perf_counter() - self.begun,
        )

    def _descend(self, iterations: int) -> Tensor:
        """The 8-bit images after so many steps. All take the first; what fools from there on waits to be judged.

        Before a random model all go on to the end: what fools it barely does so by luck.
        """
        going = torch.arange(len(self.rows), device=self.rows.device)
        for done in range(iterations):
            clean, moved, places = self.clean[going], self.moved[going], self.places[going]
            shown = self.budget.to_8_bit(moved, clean)
            scores, gradient = self.oracle.gradient(
                shown, places, lambda s, part: self.goal.of(part).loss("cross-entropy", s)
            )
            left = ~self.goal.of(places).reached(scores) | (done == 0) | self.audit.random
            stepped = moved + self.step * downhill(gradient, shown, self.budget.norm)
            self.moved[going[left]] = self.budget.project(stepped[left], clean[left])
            going = going[left]
            if not len(going):
                break
        return self.budget.to_8_bit(self.moved, self.clean)

    def _drop_fooled(self, shown: Tensor, iterations: int) -> int:
        """How many of ``shown`` are fooled; those take no further part."""
        fooled = self.audit.decision.reached(shown, self.rows)
        self.found[self.places[fooled]] = shown[fooled]
        for row in self.rows[fooled].tolist():
            self.fell[row] = iterations
        left = ~fooled
        self.rows, self.places, self.clean, self.moved = (
            each[left] for each in (self.rows, self.places, self.clean, self.moved)
        )
        return int(fooled.sum())

    def _confirm(self) -> None:
        """Judge once more what fell: of the several judgements of an image, one may have been wrong by luck."""
        fooled = self.audit.decision.reached(
            self.found, torch.tensor(self.audit.decision.right, device=self.found.device)
        )
        for row, again in zip(self.audit.decision.right, fooled.tolist(), strict=True):
            self.fell[row] = self.fell[row] if again else None
