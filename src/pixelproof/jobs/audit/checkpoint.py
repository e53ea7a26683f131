"""What a checkpoint is, how it is asked, and what checkpoints say alike."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from pixelproof.errors import InputError
from pixelproof.jobs.audit.context import AuditContext
from pixelproof.results.audit.checkpoint import Answer, Plot
from pixelproof.results.audit.statistics import CONFIDENCE
from pixelproof.results.intervals import Rate, wilson

Needs = Literal["claim", "labels", "scores", "gradients"]
Check = Callable[[AuditContext], Answer]

_BESIDE = "The threat model's attacker has no gradients, so this stands beside the claim, not against it."


@dataclass(frozen=True)
class Checkpoint:
    """``name`` is its short name in lists, ``title`` what holds where it passes, ``asks`` the question in a sentence.

    ``needs``: what it must see of the model, beside the claim. ``source``: the section of the papers that it is from.
    ``work``: who first broke a claim or a defence of the kind, where an answer says nothing more exact.
    """

    number: int
    name: str
    title: str
    asks: str
    needs: Needs
    source: str
    work: str
    check: Check

    def result(self, audit: AuditContext) -> dict[str, Any]:
        """What it answers about ``audit``, with its own words: the values of a ``CheckpointResult``."""
        words = {name: getattr(self, name) for name in ("number", "name", "title", "asks", "source")}
        answer = self._answer(audit)
        return {**words, **asdict(replace(answer, work=answer.work or self.work))}

    def _answer(self, audit: AuditContext) -> Answer:
        """What it says; where it cannot be asked, why."""
        if self.needs == "gradients" and (reason := audit.access.no_gradients("open")):
            return Answer("skipped", f"This needs gradients, which cannot be had here. {reason}")
        if self.needs == "scores" and audit.classifier.kind == "labels":
            return Answer("skipped", "This needs scores, and the model tells labels alone.")
        if self.needs != "claim" and not audit.decision.right:
            return Answer("skipped", "None of the samples is classified correctly, so there is nothing to attack.")
        try:
            return self.check(audit)
        except InputError as error:  # an attack that has no form in this norm, or not for this model
            return Answer("skipped", f"This could not be measured. {error}")


def beside(audit: AuditContext, answer: Answer) -> Answer:
    """``answer``, its fail a warning where it rests on gradients that the threat model's attacker does not have."""
    if answer.verdict != "fail" or audit.permits("gradients"):
        return answer
    return replace(answer, verdict="warn", finding=f"{answer.finding} {_BESIDE}")


def bars(
    name: str,
    title: str,
    rates: Iterable[tuple[str, Rate]],
    *,
    groups: Iterable[str] = (),
    x: str = "Attack",
    y: str = "Samples right, %",
    confidence: float = CONFIDENCE,
    **rest: Any,
) -> Plot:
    """``rates`` as bars with their intervals; ``groups``: of each bar, where they stand side by side."""
    rows = [{"name": each, **high(rate, confidence)} for each, rate in rates]
    rows = [{**row, "group": group} for row, group in zip(rows, groups, strict=True)] if groups else rows
    return Plot(name, title, "bar", x, y, tuple(rows), **rest)


def curve(
    name: str,
    title: str,
    points: Iterable[tuple[float, Rate, str]],
    *,
    x: str,
    y: str = "Samples right, %",
    confidence: float = CONFIDENCE,
    **rest: Any,
) -> Plot:
    """Rates at places along x, each with the name of its line, as lines with bands of their intervals."""
    rows = tuple({"x": place, **high(rate, confidence), "line": line} for place, rate, line in points)
    return Plot(name, title, "line", x, y, rows, **rest)


def claimed_rule(audit: AuditContext) -> tuple[float, str]:
    """The line of a figure at the robust accuracy that is claimed."""
    return audit.claim.robust_accuracy, "claimed"


def high(rate: Rate, confidence: float) -> dict[str, float]:
    """How high a bar or point is, in percent, and its interval."""
    found = wilson(rate.successes, rate.total, confidence)
    return {"y": 100 * (rate.value or 0.0), "low": 100 * found.low, "high": 100 * found.high}
