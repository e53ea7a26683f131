"""19. A detector is attacked too: what fools the classifier has to pass unrejected.

Carlini & Wagner, "Adversarial Examples Are Not Easily Detected: Bypassing Ten Detection Methods", AISec 2017.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TypedDict

import torch
from torch import Tensor

from pixelproof.attacks.goal import Goal, wrong_classes
from pixelproof.attacks.named import parse_attack
from pixelproof.attacks.oracle import Oracle
from pixelproof.engine.judge import project_and_quantise
from pixelproof.errors import InputError
from pixelproof.jobs.audit.attacks import attempt, iterative, on_scores, outcome, strongest
from pixelproof.jobs.audit.checkpoint import bars, claimed_rule
from pixelproof.jobs.audit.context import BATCH, PROBED, AuditContext
from pixelproof.jobs.audit.detector import detector_of
from pixelproof.jobs.audit.follow import inside_attacks
from pixelproof.models.classifier import Classifier, ScoreKind
from pixelproof.models.scores import log_scores
from pixelproof.results.audit.attacked import Attacked, broken_rows
from pixelproof.results.audit.checkpoint import Answer, Verdict
from pixelproof.results.audit.statistics import fools_more, overstated
from pixelproof.results.intervals import Rate
from pixelproof.wording import percent

#: Samples attacked, at most: each is led to several classes in turn.
_SAMPLES = 50
#: The likeliest wrong classes, which an image is led to one after the other.
_AIMS = 4
_ITERATIONS = 25
_QUERIES = 300
_QUESTION = (
    "Does anything reject images before or behind the model where it is used, and did an attack have to pass it?"
)


def check(audit: AuditContext) -> Answer:
    """Fails where aiming at the detector takes the claim down, or where its false alarms take the clean accuracy down.

    An image under attack counts as right where it is rejected, one that is rejected without any attack as wrong.
    """
    stated, claimed = audit.claim.evaluation.detector, audit.claim.robust_accuracy
    if audit.decision.detector is None:
        return _without(stated)
    if audit.classifier.kind == "labels":
        return Answer("skipped", "This needs scores, and the model tells labels alone.")
    if alarmed := _alarmed(audit):
        return alarmed
    alone = audit.evidence.memoise("detector|unaware", lambda: _unaware(audit))
    rows, fooled, rejected = frozenset(alone["rows"]), frozenset(alone["fooled"]), frozenset(alone["rejected"])
    wrong, passing = audit.decision.wrong & rows, fooled - rejected
    inside = broken_rows(inside_attacks(audit)) & rows
    lost, missed = wrong | broken_rows(aware(audit)) | inside, wrong | passing
    before, left = (Rate(len(rows) - len(each), len(rows)) for each in (missed, lost | passing))
    gains, above = fools_more(lost, missed), audit.refuted_by(left)
    caught = Rate(len(fooled & rejected), len(fooled))
    finding = (
        f"The detector rejects {caught.ratio} of the images that fool the classifier alone, and {len(alone['alarms'])} "
        f"of {len(rows)} clean ones, which are false alarms: {percent(before.value)} of the samples are right or "
        f"rejected without being so when clean; {percent(left.value)} where the attack aims at the detector too."
    )
    verdict: Verdict = "pass"
    if above or (gains and stated != "attacked"):
        # A claim within what so few samples allow may come from an attack on both, whatever it says of the detector.
        verdict = "fail" if above and audit.permits("gradients") else "warn"
    plot = bars(
        "detector",
        "Samples right or rejected",
        (
            ("Classifier without detector", Rate(len(rows) - len(fooled), len(rows))),
            ("Attack on the classifier", before),
            ("Attack on both", left),
        ),
        y="Right or rejected (%)",
        confidence=0.95,
        caption=f"The first {len(rows)} samples, 95 % intervals.",
        rule=claimed_rule(audit),
    )
    remedy = "Evaluate again with an attack that has to fool classifier and detector at once, and claim what is left."
    return Answer(
        verdict,
        f"{finding} {_evaluated(stated, claimed)}",
        "" if verdict == "pass" else remedy,
        (
            ("False alarms on clean samples", str(Rate(len(alone["alarms"]), len(rows)))),
            ("Rejected, of those that fool the classifier alone", str(caught)),
            ("Right or rejected under an attack on the classifier alone", str(before)),
            ("Right or rejected under an attack on both", str(left)),
        ),
        (plot,),
    )


def _alarmed(audit: AuditContext) -> Answer | None:
    """The answer where false alarms alone contradict the clean accuracy, or leave nothing to attack."""
    alarms, labels = audit.clean_alarms(), audit.clean_labels
    right = [a == b for a, b in zip(audit.clean_answers(), labels, strict=True)]
    accepted = Rate(sum(a and not alarm for a, alarm in zip(right, alarms, strict=True)), len(right))
    claimed, caught = audit.claim.clean_accuracy, Rate(sum(alarms), len(alarms))
    plain = Rate(sum(right), len(right))
    if not overstated(claimed, accepted) or (overstated(claimed, plain) and audit.decision.right):
        return None
    finding = (
        f"The detector rejects {caught} of the clean images, which are false alarms: {accepted} are classified "
        f"correctly and not rejected, where a clean accuracy of {claimed:g} % is claimed."
    )
    remedy = "Count false alarms as errors of the clean accuracy, and as lost under attack."
    numbers = (("False alarms on clean images", str(caught)), ("Right and not rejected", str(accepted)))
    return Answer("fail", finding, remedy, numbers)


def _without(stated: str | None) -> Answer:
    if stated is None:
        return Answer("person", "The model brings no detector, and the claim speaks of none.", questions=(_QUESTION,))
    return Answer(
        "warn",
        f"The claim says that a detector was {stated}, but the model handed over has none.",
        "Hand the detector over with the model, as its method detector(images), above 0 where an image is rejected.",
    )


def _evaluated(stated: str | None, claimed: float) -> str:
    said = {"attacked": "was attacked", "ignored": "was ignored", None: "is not spoken of"}[stated]
    return f"In the claim of {claimed:g} % the detector {said}."


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


class Unaware(TypedDict):
    """The samples ``rows`` under an attack on the classifier alone: which were ``fooled``, and ``rejected`` then.

    ``alarms``: the samples that are rejected without any attack.
    """

    rows: list[int]
    fooled: list[int]
    rejected: list[int]
    alarms: list[int]


def aware(audit: AuditContext) -> list[Attacked]:
    """Attacks on classifier and detector together: along gradients, and on scores where one of the two has none."""
    rows = [row for row in audit.samples.first(_SAMPLES) if row not in audit.decision.wrong]
    both, gradients = _together(audit)
    found = []
    if not audit.access.no_gradients("open"):
        following = strongest(audit.threat, replace(audit.effort, iterations=_ITERATIONS))[1]
        found.append(_led(audit, both, following, rows, _AIMS))
        rows = [row for row in rows if row not in found[-1].broken]
    if not gradients:
        asking = on_scores(audit.threat, replace(audit.effort, queries=min(_QUERIES, audit.effort.queries)))
        found.append(_led(audit, both, asking, rows, 1))
    return found


def _unaware(audit: AuditContext) -> Unaware:
    """Twenty steps against the classifier, or Square where it has no gradients."""
    blind = audit.access.no_gradients("open")
    attack = parse_attack(on_scores(audit.threat, audit.effort) if blind else iterative(audit.threat))
    rows = torch.tensor(audit.samples.first(_SAMPLES), device=audit.device)
    clean, goal = audit.samples.images[rows], audit.samples.goal(rows)
    oracle = audit.access.oracle(len(rows), "open" if audit.access.no_gradients("plain") else "plain")
    found = attack(oracle, clean, goal, audit.samples.streams("unaware", rows)).detach()
    images = project_and_quantise(attack, found, clean)
    fooled = audit.decision.fooled(images, rows)
    return {
        "rows": rows.tolist(),
        "fooled": rows[fooled].tolist(),
        "rejected": rows[audit.decision.rejected(images)].tolist(),
        "alarms": rows[audit.decision.rejected(clean)].tolist(),
    }


def _together(audit: AuditContext) -> tuple[Rejecting, bool]:
    """Both made differentiable and joined; and whether there are gradients to both."""
    detector = detector_of(audit.classifier)
    if detector is None:
        raise InputError("The model brings no detector; give it a method detector(images).")
    seen = audit.access.made_differentiable(detector).classifier
    sloped = not audit.access.no_gradients("open") and _sloped(audit, seen)
    return Rejecting(audit.access.differentiable.classifier, seen), sloped


def _sloped(audit: AuditContext, detector: Classifier) -> bool:
    """Whether a few samples have a gradient to the detector."""
    images = audit.samples.images[:PROBED]
    rows = torch.arange(len(images), device=audit.device)
    try:
        oracle = Oracle(detector, BATCH, audit.device, len(rows))
        _, gradient = oracle.gradient(images, rows, lambda scores, _: _signal(scores))
    except InputError:
        return False
    return bool(gradient.any())


def _led(audit: AuditContext, both: Rejecting, spec: str, rows: Sequence[int], aims: int) -> Attacked:
    return attempt(audit, f"{spec}|open|past the detector", lambda: _lead(audit, both, spec, rows, aims), rows)


def _lead(audit: AuditContext, both: Rejecting, spec: str, chosen: Sequence[int], aims: int) -> Attacked:
    """What the attack does to the samples ``chosen`` by leading them to wrong classes that are not rejected."""
    attack, begun, broken = parse_attack(spec), time.perf_counter(), set[int]()
    queries = gradient_steps = 0
    rows = torch.tensor(chosen, dtype=torch.int64, device=audit.device)
    for targets in _aims(audit, rows, aims).unbind(1):
        left = torch.tensor([row not in broken for row in chosen], dtype=torch.bool, device=audit.device)
        part, clean = rows[left], audit.samples.images[rows[left]]
        if not len(part):
            break
        oracle, goal = Oracle(both, BATCH, audit.device, len(part)), Goal(audit.samples.labels[part], targets[left])
        streams = audit.samples.streams(f"{spec}|past the detector", part)
        images = project_and_quantise(attack, attack(oracle, clean, goal, streams).detach(), clean)
        broken |= set(part[audit.decision.reached(images, part)].tolist())
        queries += int(oracle.queries.sum())
        gradient_steps += int(oracle.gradient_steps.sum())
    return outcome(
        f"{spec} past the detector",
        attack.needs,
        chosen,
        (row in broken for row in chosen),
        view="open",
        queries=queries / max(1, len(chosen)),
        gradient_steps=gradient_steps / max(1, len(chosen)),
        seconds=time.perf_counter() - begun,
    )


def _aims(audit: AuditContext, rows: Tensor, count: int) -> Tensor:
    """The classes that each of ``rows`` is led to, n×count: the threat's, or the likeliest wrong ones."""
    goal = audit.samples.goal(rows)
    if goal.targets is not None:
        return goal.targets[:, None]
    if not len(rows):
        return rows[:, None]
    return wrong_classes(audit.decision.log_scores(audit.samples.images[rows]), goal.labels, count)


def _signal(scores: Tensor) -> Tensor:
    """D of a detector's scores (0, D), or of their mean."""
    return scores[:, 1] - scores[:, 0]
