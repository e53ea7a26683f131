"""Attackers who do not get round a defence: what they see, what they fool, and what that counts for."""

from __future__ import annotations

from dataclasses import replace

from pixelproof.jobs.audit.arsenal import iterative, on_labels, on_scores, strongest
from pixelproof.jobs.audit.attacked import Attacked
from pixelproof.jobs.audit.case import Case
from pixelproof.jobs.audit.checkpoint import Answer

_BESIDE = "The threat model's attacker has no gradients, so this stands beside the claim, not against it."


def white_box(case: Case) -> list[Attacked]:
    """The attacks by gradients on the model in plain sight, weak and strong. Raises ``InputError`` for L0."""
    spellings = (iterative(case.threat), *strongest(case.threat, case.effort, random=case.random))
    return [case.attacked(each, case.naive) for each in spellings]


def black_box(case: Case) -> list[Attacked]:
    """The attacks on scores and on labels alone, as far as the model and the norm have them; the last on few samples.

    Raises ``InputError`` for L0.
    """
    few = range(min(case.effort.label_samples, len(case.samples)))
    on_few = case.attacked(on_labels(case.threat, case.effort), "plain", few)
    if case.classifier.kind == "labels" or case.threat.norm not in ("linf", "l2"):
        return [on_few]
    return [case.attacked(on_scores(case.threat, case.effort), "plain"), on_few]


def beside(case: Case, answer: Answer) -> Answer:
    """``answer``, its fail a warning where it rests on gradients that the threat model's attacker does not have."""
    if answer.verdict != "fail" or case.permits("gradients"):
        return answer
    return replace(answer, verdict="warn", finding=f"{answer.finding} {_BESIDE}")
