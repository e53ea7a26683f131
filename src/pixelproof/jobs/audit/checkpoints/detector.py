"""19. A detector is attacked too: what fools the classifier has to pass unrejected."""

from __future__ import annotations

from pixelproof.jobs.audit.case import Case
from pixelproof.jobs.audit.checkpoint import Answer, Checkpoint, Plot, Verdict
from pixelproof.jobs.audit.measures.detection import Unaware, aware, unaware
from pixelproof.jobs.audit.paired import more_often, overstated
from pixelproof.results.intervals import Rate
from pixelproof.wording import percent

_QUESTION = (
    "Does anything reject images before or behind the model where it is used, and did an attack have to pass it?"
)


def judge(case: Case) -> Answer:
    """Fails where the evaluation did not aim at the detector, and aiming at it takes the claim down."""
    told, claimed = case.claim.evaluation.detector, case.claim.robust_accuracy
    if case.detector is None:
        return _without(told)
    alone, clean = unaware(case), frozenset(range(len(case.samples))) - set(case.right)
    rows = frozenset(alone.rows)
    lost = (clean & rows).union(*(each.broken for each in aware(case)))
    missed = alone.broken | (clean & rows)
    before, left = (Rate(len(rows) - len(each), len(rows)) for each in (missed, lost | alone.broken))
    gains, above = more_often(len(lost - missed), len(missed - lost)), overstated(claimed, left)
    caught = Rate(len(frozenset(alone.fooled) & frozenset(alone.rejected)), len(alone.fooled))
    finding = (
        f"The detector rejects {caught.ratio} of the images that fool the classifier alone, so that "
        f"{percent(before.value)} of the samples stand; {percent(left.value)} stand where the attack aims at it too."
    )
    verdict: Verdict = "pass"
    if above or (gains and told != "attacked"):
        down = above or claimed > 100 * (left.value or 0)
        verdict = "fail" if down and told != "attacked" and case.permits("gradients") else "warn"
    remedy = "Evaluate again with an attack that has to fool classifier and detector at once, and claim what is left."
    return Answer(
        verdict,
        f"{finding} {_evaluated(told, claimed)}",
        "" if verdict == "pass" else remedy,
        (
            ("False alarms on clean samples", str(Rate(len(alone.alarms), len(rows)))),
            ("Rejected, of those that fool the classifier alone", str(caught)),
            ("Stands against an attack on the classifier alone", str(before)),
            ("Stands against an attack on both", str(left)),
        ),
        (_plot(case, alone, before, left),),
    )


def _without(told: str | None) -> Answer:
    if told is None:
        return Answer("person", "The model brings no detector, and the claim speaks of none.", questions=(_QUESTION,))
    return Answer(
        "warn",
        f"The claim says that a detector was {told}, but the model handed over has none.",
        "Hand the detector over with the model, as its method detector(images), above 0 where an image is rejected.",
    )


def _evaluated(told: str | None, claimed: float) -> str:
    said = {
        "attacked": "was attacked",
        "ignored": "was ignored",
        None: "is not spoken of",
    }[told]
    return f"In the claim of {claimed:g} % the detector {said}."


def _plot(case: Case, alone: Unaware, before: Rate, left: Rate) -> Plot:
    without = Rate(len(alone.rows) - len(alone.fooled), len(alone.rows))
    rows = []
    named = (("Classifier without detector", without), ("Attack on the classifier", before), ("Attack on both", left))
    for name, rate in named:
        low, high = 100 * rate.interval.low, 100 * rate.interval.high
        rows.append({"name": name, "y": 100 * (rate.value or 0), "low": low, "high": high})
    return Plot(
        name="detector",
        title="Samples right or rejected",
        kind="bar",
        x="Attack",
        y="Right or rejected (%)",
        rows=tuple(rows),
        caption=f"The first {len(alone.rows)} samples, 95 % intervals.",
        rule=(case.claim.robust_accuracy, "claimed"),
    )


CHECKPOINT = Checkpoint(
    number=19,
    name="detector",
    title="A detector is attacked too",
    asks="If the model rejects images, did the attack have to pass unrejected?",
    needs="scores",
    source="Carlini & Wagner, 2017 (Adversarial Examples Are Not Easily Detected)",
    judge=judge,
)
