"""11. A random model is attacked in expectation (EOT), over enough draws."""

from __future__ import annotations

from pixelproof.jobs.audit.attacked import Attacked
from pixelproof.jobs.audit.case import Case
from pixelproof.jobs.audit.checkpoint import Answer, Checkpoint, Plot, Verdict
from pixelproof.jobs.audit.measures.chance import seeded
from pixelproof.jobs.audit.measures.expectation import by_draws
from pixelproof.jobs.audit.paired import more_often, overstated
from pixelproof.results.intervals import Rate
from pixelproof.wording import percent, plural


def judge(case: Case) -> Answer:
    """Fails where the evaluation averaged over nothing, and averaging takes the claim down."""
    where = ("its answers",) if case.random else seeded(case)
    if not where:
        return Answer(
            "pass", "Nothing is random: the same images get the same answers, so there is nothing to average."
        )
    if reason := case.blind("open"):
        return Answer(
            "skipped", f"The model is random, but gradients cannot be averaged that it does not have. {reason}"
        )
    found = by_draws(case)
    numbers = tuple((f"Stands, {plural(draws, 'draw')} averaged", str(_stands(each))) for draws, each in found)
    verdict, said, remedy = _judged(case, found)
    if verdict == "fail" and not case.permits("gradients"):
        verdict = "warn"
    finding = f"The model draws at random ({', '.join(where)}). {said}"
    return Answer(verdict, finding, remedy, numbers, (_plot(case, found),))


def _judged(case: Case, found: list[tuple[int, Attacked]]) -> tuple[Verdict, str, str]:
    """Verdict, what was found, and what to do."""
    (_, one), (draws, most) = found[0], found[-1]
    claimed, left, stated = case.claim.robust_accuracy, _stands(most), case.claim.evaluation.draws or 1
    measured = f"{percent(_stands(one).value)} stand when each step sees one draw, {percent(left.value)} when {draws}"
    above = overstated(claimed, left)
    if stated == 1:
        remedy = f"Evaluate again with every step averaged over draws (EOT), {draws} at least."
        if above or (_gains(most, one) and claimed > 100 * (left.value or 0)):
            return (
                "fail",
                f"The evaluation averaged over none of it: {measured}, and {claimed:g} % are claimed.",
                remedy,
            )
        return "warn", f"The evaluation names no draws, which does not take the claim down here: {measured}.", remedy
    if above:
        remedy = "Evaluate again with more draws and iterations, and let several answers decide on each image."
        return "warn", f"The claim of {claimed:g} % over {stated} draws is not reproduced: {measured}.", remedy
    half, before = found[-2] if len(found) > 1 else found[-1]
    if _gains(most, before):
        remedy = "Raise the draws until twice as many change nothing."
        return "warn", f"{draws} draws still break significantly more than {half}: {measured}.", remedy
    return "pass", f"More draws than {half} change nothing: {measured}, and the claim averages over {stated}.", ""


def _gains(one: Attacked, other: Attacked) -> bool:
    return more_often(len(one.broken - other.broken), len(other.broken - one.broken))


def _stands(found: Attacked) -> Rate:
    return Rate(len(found.rows) - len(found.broken), len(found.rows))


def _plot(case: Case, found: list[tuple[int, Attacked]]) -> Plot:
    rows = []
    for draws, each in found:
        rate = _stands(each)
        low, high = 100 * rate.interval.low, 100 * rate.interval.high
        rows.append({"x": draws, "y": 100 * (rate.value or 0), "low": low, "high": high, "line": "PGD, 20 steps"})
    return Plot(
        name="draws",
        title="Accuracy under attack against the draws averaged",
        kind="line",
        x="Draws averaged in every step",
        y="Accuracy under attack (%)",
        rows=tuple(rows),
        caption=f"The first {len(found[0][1].rows)} samples, 95 % intervals.",
        rule=(case.claim.robust_accuracy, "claimed"),
    )


CHECKPOINT = Checkpoint(
    number=11,
    name="randomness",
    title="Random models are attacked in expectation",
    asks="If the model draws at random, did the attack average over enough draws (EOT)?",
    needs="labels",
    source="Athalye et al., section 4.2; Carlini et al.",
    judge=judge,
)
