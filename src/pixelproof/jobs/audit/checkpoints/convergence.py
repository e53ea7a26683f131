"""6. The attack has converged: more iterations change nothing."""

from __future__ import annotations

from dataclasses import replace

from pixelproof.attacks.named import parse_attack
from pixelproof.errors import InputError
from pixelproof.jobs.audit.arsenal import iterative
from pixelproof.jobs.audit.bars import band
from pixelproof.jobs.audit.case import Case
from pixelproof.jobs.audit.checkpoint import Answer, Checkpoint, Plot
from pixelproof.jobs.audit.measures.attacker import beside
from pixelproof.jobs.audit.measures.descent import Descent, descend
from pixelproof.jobs.audit.paired import more_often, overstated
from pixelproof.wording import count, plural

_FIRST = 10  # iterations, doubled from here on
_STEP = 0.1  # of epsilon: short enough for fine work, and ten reach across the ball
_REACH = 2.5  # epsilons that all steps together cover, where a claim does not tell its step (Madry et al., 2018)


def judge(case: Case) -> Answer:
    """Fails where the claim's own number of iterations fools significantly fewer than more of them do.

    The descent is on the model laid open, as a careful evaluator has it. A claim no higher than what stays right in the
    end was not measured by too few iterations, whatever number it tells; of a random model, whose judgements vary, one
    not significantly higher.
    """
    doublings, told = _doublings(case.effort.iterations), _told(case)
    watch = sorted({*doublings, *([told] if told and told < doublings[-1] else [])})
    curve = descend(case, _STEP * case.threat.epsilon, watch, doublings)
    answer = (_too_few(case, told, curve) if told else None) or _shape(curve, doublings)
    numbers = tuple((f"Right after {plural(each, 'iteration')}", str(curve.right(each))) for each in curve.watched)
    return beside(case, replace(answer, numbers=(*numbers, *answer.numbers), plots=(_plot(case, curve, told),)))


def _doublings(most: int) -> list[int]:
    """``most``, halved down to about ten, in rising order."""
    found = [most]
    while found[0] >= 2 * _FIRST:
        found.insert(0, found[0] // 2)
    return found


def _told(case: Case) -> int | None:
    """The iterations of the claim's descent, as told or by the name of its attack; None where it is no descent."""
    told = case.claim.evaluation
    try:
        attack = parse_attack(told.attack.lower().partition(":")[0])
    except InputError:  # none of ours, or a library's
        return told.iterations
    if attack.needs != "gradients":
        return None
    usual: int | None = 1 if attack.name == "fgsm" else getattr(attack, "iterations", None)
    return told.iterations or usual


def _too_few(case: Case, told: int, curve: Descent) -> Answer | None:
    last = curve.watched[-1]
    if told >= last:
        return None
    own, final = _own(case, told, curve), curve.broken(last)
    right, end = case.standing(own), case.standing(final)
    claimed = case.claim.robust_accuracy
    higher = overstated(claimed, end) if case.random else claimed > 100 * (end.value or 0)
    if not (higher and more_often(len(final - own), len(own - final))):
        return None
    finding = (
        f"{plural(told, 'iteration').capitalize()}, the claim's number, leave {right} right, but {count(last)} leave "
        f"{end}: the claim's attack stopped too early."
    )
    remedy = "Measure again, doubling the iterations until two doublings in a row change nothing."
    return Answer("fail", finding, remedy, (("Right after the claim's iterations and step", str(right)),))


def _own(case: Case, told: int, curve: Descent) -> frozenset[int]:
    """What falls by so many iterations, with the claim's step and restarts where it tells them."""
    evaluation, epsilon = case.claim.evaluation, case.threat.epsilon
    step = evaluation.step or epsilon * max(_STEP, _REACH / told)
    restarts = min(evaluation.restarts or 1, case.effort.restarts)
    if step == _STEP * epsilon and (restarts == 1 or case.random):
        return curve.broken(told)
    if restarts == 1 or case.random:  # where PGD stops at the first answer that is wrong by luck
        return descend(case, step, [told]).broken(told)
    return case.attacked(iterative(case.threat, told, step, restarts), "open").broken


def _shape(curve: Descent, doublings: list[int]) -> Answer:
    """Whether the last doubling still changed something."""
    last = curve.watched[-1]
    before = max((each for each in doublings if each < last), default=0)
    late = len(curve.broken(last) - curve.broken(before))
    if more_often(late, 0):
        finding = (
            f"Success still grows: from {count(before)} to {count(last)} iterations {plural(late, 'sample')} fell."
        )
        return Answer("warn", finding, "Audit with more iterations, until the curve is flat.")
    if not late:
        return Answer(
            "pass", f"No sample fell from {count(before)} to {count(last)} iterations; {curve.right(last)} stay right."
        )
    finding = f"From {count(before)} to {count(last)} iterations {plural(late, 'sample')} fell, as chance could have it"
    return Answer("pass", f"{finding}; {curve.right(last)} stay right.")


def _plot(case: Case, curve: Descent, told: int | None) -> Plot:
    rows = [{"x": each, **band(curve.right(each)), "line": "PGD"} for each in curve.watched]
    return Plot(
        name="convergence",
        title="Accuracy against iterations",
        kind="line",
        x="Iterations",
        y="Samples right, %",
        rows=tuple(rows),
        caption=f"One descent by steps of {_STEP:g} epsilon on the model laid open; bands are 99 % intervals.",
        log_x=True,
        rule=(case.claim.robust_accuracy, "claimed"),
        mark=None if told is None else (told, "iterations of the claim"),
    )


CHECKPOINT = Checkpoint(
    number=6,
    name="convergence",
    title="The attack has converged",
    asks="Do more iterations than the claim's fool more samples, and does their success stop growing?",
    needs="gradients",
    source="Tekwani & Parmar, section III-I; Carlini et al., section 4.8",
    judge=judge,
)
