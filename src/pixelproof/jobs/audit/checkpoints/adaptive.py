"""12. What has no gradient is attacked past it (BPDA): the attack knows the defence."""

from pixelproof.defences.preprocessed import PreprocessedClassifier
from pixelproof.defences.preprocessor import encodes
from pixelproof.jobs.audit.attacks import attack, iterative
from pixelproof.jobs.audit.checkpoint import bars, claimed_rule
from pixelproof.jobs.audit.context import AuditContext
from pixelproof.results.audit.checkpoint import Answer, Verdict
from pixelproof.results.audit.statistics import fools_more
from pixelproof.wording import percent


def check(audit: AuditContext) -> Answer:
    """Fails where going past the defence breaks more than not, and takes a claim down that did not go past it."""
    differentiable = audit.access.differentiable
    if not differentiable.passed and differentiable.stuck:
        finding = f"No gradient passes {', '.join(differentiable.stuck)}, and nothing could be put in its place."
        remedy = "Give it a method stand_in(images), nearly itself and with gradients, or attack scores and labels."
        return Answer("warn", finding, remedy)
    if not differentiable.passed:
        return Answer("pass", "Every layer passes its gradient on, so there is nothing to go past.")
    knowing = attack(audit, iterative(audit.threat), "open")
    how, plain = _plain(audit)
    left, before = audit.samples.surviving(knowing.broken), audit.samples.surviving(plain)
    gains = fools_more(knowing.broken, plain)
    claimed, stated = audit.claim.robust_accuracy, audit.claim.evaluation.adaptive
    above = audit.refuted_by(left)
    verdict: Verdict = "pass"
    if above or (gains and not stated):
        down = above or claimed > 100 * (left.value or 0)
        verdict = "fail" if down and not stated and audit.permits("gradients") else "warn"
    past = ", ".join(differentiable.passed)
    finding = (
        f"No gradient passes {past}: {percent(before.value)} of the samples stay right {how}, {percent(left.value)} "
        f"against an attack that goes past it. The claim is {claimed:g} %, by an attack that "
        f"{'knew' if stated else 'did not know'} of it."
    )
    plot = bars(
        "adaptive",
        "Accuracy with and without going past the defence",
        ((how[0].upper() + how[1:], before), ("Adaptive (BPDA)", left)),
        y="Accuracy under attack (%)",
        confidence=0.95,
        rule=claimed_rule(audit),
    )
    remedy = "Evaluate again end to end with gradients past what has none (BPDA), and claim what is left."
    return Answer(
        verdict,
        finding,
        "" if verdict == "pass" else remedy,
        ((f"Right {how}", str(before)), ("Right under the adaptive attack (BPDA)", str(left))),
        (plot,),
        notes=differentiable.steps,
    )


def _plain(audit: AuditContext) -> tuple[str, frozenset[int]]:
    """What an attack is that does not know the defence, and the samples that it breaks.

    The model as it is, gradients of 0 included; else the images made for the bare model, shown to the defended one;
    else none.
    """
    if not audit.access.no_gradients("plain"):
        return "against the gradient as it is", attack(audit, iterative(audit.threat), "plain").broken
    whole = audit.classifier
    if (
        isinstance(whole, PreprocessedClassifier)
        and whole.classifier.differentiable
        and not encodes(whole.preprocessor)
    ):
        found = attack(audit, iterative(audit.threat), "plain", key="bare", on=whole.classifier)
        return "against images made for the bare model", found.broken
    return "without any attack", audit.decision.wrong
