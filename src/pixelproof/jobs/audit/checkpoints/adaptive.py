"""12. What has no gradient is attacked past it (BPDA): the attack knows the defence."""

from __future__ import annotations

from pixelproof.defences.preprocessed import PreprocessedClassifier
from pixelproof.defences.preprocessor import encodes
from pixelproof.jobs.audit.arsenal import iterative
from pixelproof.jobs.audit.attacked import Attacked
from pixelproof.jobs.audit.case import Case
from pixelproof.jobs.audit.checkpoint import Answer, Checkpoint, Plot, Verdict
from pixelproof.jobs.audit.paired import more_often, overstated
from pixelproof.results.intervals import Rate
from pixelproof.wording import percent


def judge(case: Case) -> Answer:
    """Fails where going past the defence breaks more than not, and takes a claim down that did not go past it."""
    if not case.opened.passed and case.opened.stuck:
        finding = f"No gradient passes {', '.join(case.opened.stuck)}, and nothing could be put in its place."
        remedy = "Give it a method stand_in(images), nearly itself and with gradients, or attack scores and labels."
        return Answer("warn", finding, remedy)
    if not case.opened.passed:
        return Answer("pass", "Every layer passes its gradient on, so there is nothing to go past.")
    knowing = case.attacked(iterative(case.threat), "open")
    how, plain = _plain(case)
    left, before = case.standing(knowing.broken), case.standing(plain)
    gains = more_often(len(knowing.broken - plain), len(plain - knowing.broken))
    claimed, told = case.claim.robust_accuracy, case.claim.evaluation.adaptive
    above = overstated(claimed, left)
    verdict: Verdict = "pass"
    if above or (gains and not told):
        down = above or claimed > 100 * (left.value or 0)
        verdict = "fail" if down and not told and case.permits("gradients") else "warn"
    past = ", ".join(case.opened.passed)
    finding = (
        f"No gradient passes {past}: {percent(before.value)} of the samples stand {how}, {percent(left.value)} against "
        f"an attack that goes past it. The claim is {claimed:g} %, by an attack that "
        f"{'knew' if told else 'did not know'} of it."
    )
    remedy = "Evaluate again end to end with gradients past what has none (BPDA), and claim what is left."
    return Answer(
        verdict,
        finding,
        "" if verdict == "pass" else remedy,
        ((f"Stands {how}", str(before)), ("Stands against the adaptive attack (BPDA)", str(left))),
        (_plot(case, how, before, left),),
        notes=case.opened.steps,
    )


def _plain(case: Case) -> tuple[str, frozenset[int]]:
    """What an attack is that does not know the defence, and the samples that it breaks.

    The model as it is, gradients of 0 included; else the images made for the bare model, shown to the defended one;
    else none.
    """
    if not case.blind("plain"):
        return "against the gradient as it is", case.attacked(iterative(case.threat), "plain").broken
    whole = case.classifier
    if (
        isinstance(whole, PreprocessedClassifier)
        and whole.classifier.differentiable
        and not encodes(whole.preprocessor)
    ):
        found: Attacked = case.attacked(iterative(case.threat), "plain", None, "bare", whole.classifier)
        return "against images made for the bare model", found.broken
    return "without any attack", frozenset(range(len(case.samples))) - set(case.right)


def _plot(case: Case, how: str, before: Rate, left: Rate) -> Plot:
    rows = []
    for name, rate in ((how[0].upper() + how[1:], before), ("Adaptive (BPDA)", left)):
        low, high = 100 * rate.interval.low, 100 * rate.interval.high
        rows.append({"name": name, "y": 100 * (rate.value or 0), "low": low, "high": high})
    return Plot(
        name="adaptive",
        title="Accuracy with and without going past the defence",
        kind="bar",
        x="Attack",
        y="Accuracy under attack (%)",
        rows=tuple(rows),
        rule=(case.claim.robust_accuracy, "claimed"),
    )


CHECKPOINT = Checkpoint(
    number=12,
    name="adaptive",
    title="What has no gradient is attacked past it",
    asks="Where something lets no gradient through, did the attack go past it (BPDA)?",
    needs="gradients",
    source="Tekwani & Parmar, section III-F; Athalye et al., section 4.1; Tramèr et al., 2020",
    judge=judge,
)
