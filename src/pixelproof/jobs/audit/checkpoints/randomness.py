"""11. A random model is attacked in expectation (EOT), over enough draws.

Athalye, Carlini & Wagner, "Obfuscated Gradients Give a False Sense of Security", ICML 2018, section 4.2.
"""

from pixelproof.jobs.audit.attacks import attack, iterative
from pixelproof.jobs.audit.checkpoint import claimed_rule, curve
from pixelproof.jobs.audit.context import AuditContext
from pixelproof.results.audit.attacked import Attacked
from pixelproof.results.audit.checkpoint import Answer, Verdict
from pixelproof.results.audit.statistics import fools_more
from pixelproof.wording import percent, plural

#: Samples attacked, at most: every step of the last attack costs as many answers as are averaged.
_SAMPLES = 40


def check(audit: AuditContext) -> Answer:
    """Fails where the evaluation averaged over nothing, and averaging takes the claim down."""
    where = ("its answers",) if audit.random else audit.access.seeded_steps
    if not where:
        return Answer(
            "pass", "Nothing is random: the same images get the same answers, so there is nothing to average."
        )
    if reason := audit.access.no_gradients("open"):
        return Answer(
            "skipped", f"The model is random, but gradients cannot be averaged that it does not have. {reason}"
        )
    found = by_draws(audit)
    numbers = tuple(
        (f"Right under attack, {plural(draws, 'draw')} averaged", str(each.robust_accuracy)) for draws, each in found
    )
    verdict, said, remedy = _verdict(audit, found)
    if verdict == "fail" and not audit.permits("gradients"):
        verdict = "warn"
    finding = f"The model draws at random ({', '.join(where)}). {said}"
    plot = curve(
        "draws",
        "Accuracy under attack against the draws averaged",
        ((draws, each.robust_accuracy, "PGD, 20 steps") for draws, each in found),
        x="Draws averaged in every step",
        y="Accuracy under attack (%)",
        confidence=0.95,
        caption=f"The first {len(found[0][1].rows)} samples, 95 % intervals.",
        rule=claimed_rule(audit),
    )
    return Answer(verdict, finding, remedy, numbers, (plot,))


def _verdict(audit: AuditContext, found: list[tuple[int, Attacked]]) -> tuple[Verdict, str, str]:
    """Verdict, what was found, and what to do."""
    (_, one), (draws, most) = found[0], found[-1]
    claimed, left, stated = audit.claim.robust_accuracy, most.robust_accuracy, audit.claim.evaluation.draws or 1
    measured = (
        f"{percent(one.robust_accuracy.value)} stay right when each step sees one draw, "
        f"{percent(left.value)} when {draws}"
    )
    above = audit.refuted_by(left)
    if stated == 1:
        remedy = f"Evaluate again with every step averaged over draws (EOT), {draws} at least."
        if above or (fools_more(most.broken, one.broken) and claimed > 100 * (left.value or 0)):
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
    if fools_more(most.broken, before.broken):
        remedy = "Raise the draws until twice as many change nothing."
        return "warn", f"{draws} draws still break significantly more than {half}: {measured}.", remedy
    return "pass", f"More draws than {half} change nothing: {measured}, and the claim averages over {stated}.", ""


def by_draws(audit: AuditContext) -> list[tuple[int, Attacked]]:
    """Twenty steps with one draw each, with half of ``effort.draws``, and with all of them."""
    most = audit.effort.draws
    rows = audit.samples.first(_SAMPLES)
    found = []
    for draws in sorted({1, max(1, most // 2), most}):
        seen = audit.access.made_differentiable(audit.classifier, draws).classifier
        found.append((draws, attack(audit, iterative(audit.threat), "open", rows, f"{draws} draws", seen)))
    return found
