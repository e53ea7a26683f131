"""Whether requirements are met: decided by exact tests, in three outcomes.

*Met* and *not met* take evidence at α. What is met must be so by each requirement, so none needs a correction. *Not
met* is said after Holm's correction for all requirements, so that many of them do not fail a good network more often
than α. What is neither *cannot be decided*, and so many samples would probably decide it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Literal

from pixelproof.results import exact
from pixelproof.results.gate.change import changes
from pixelproof.results.gate.evidence import Evidence, evidence
from pixelproof.results.gate.measure import Measure
from pixelproof.results.gate.requirement import Requirement
from pixelproof.wording import count, plural

Outcome = Literal["met", "not met", "undecided"]
ALPHA = 0.05
#: What may be lost against a baseline where nothing else is said, as a share.
MARGIN = 0.1


@dataclass(frozen=True)
class Decision:
    """One requirement decided, over so many ``images``; ``take`` about so many where it cannot be.

    ``value``, ``low`` and ``high`` are those of ``Evidence``, shares in [0, 1] or a verdict; of a baseline they are of
    the drop. ``p`` is the chance of evidence as strong against the requirement, were it met, after Holm's correction.
    What is not known is None.
    """

    requirement: str
    outcome: Outcome
    measure: str
    measured: str
    sentence: str
    images: int
    value: float | str | None
    low: float | None
    high: float | None
    p: float | None
    take: int | None


def decide(
    requirements: Sequence[Requirement],
    measures: Sequence[Measure],
    baseline: Sequence[Measure] | None = None,
    alpha: float = ALPHA,
) -> list[Decision]:
    """Each of ``requirements`` on a run of ``measures``, beside a ``baseline``'s where there is one.

    Raises ``InputError`` where there is no such measure, or no baseline that a requirement speaks of.
    """
    found = [evidence(each, measures, baseline, alpha) for each in requirements]
    tests = {k: each.against for k, each in enumerate(found) if each.against is not None}
    corrected = dict(zip(tests, exact.holm(list(tests.values())), strict=True))
    return [_decision(each, corrected.get(k), alpha, len(tests)) for k, each in enumerate(found)]


def no_worse(measures: Sequence[Measure], baseline: Sequence[Measure], margin: float = MARGIN) -> list[Requirement]:
    """That each measure in common is as good as the ``baseline``'s, but for ``margin``."""
    found = []
    for new in (change.new for change in changes(baseline, measures) if change.new.limits[1] < inf):
        sign, side = (">=", "-") if new.more_is_better else ("<=", "+")
        text = f"{new.name} {sign} baseline {side} {100 * margin:g}%"
        found.append(Requirement(text, new.term, new.arguments, sign, margin, "baseline"))
    return found


def overall(decisions: Iterable[Decision]) -> Outcome:
    """The worst of the outcomes; of none it is undecided."""
    outcomes = {each.outcome for each in decisions}
    ranked: tuple[Outcome, ...] = ("not met", "undecided", "met")
    return next((each for each in ranked if each in outcomes), "undecided")


def _decision(each: Evidence, p: float | None, alpha: float, tests: int) -> Decision:
    outcome = _outcome(each, p, alpha)
    take = each.enough(alpha / tests) if outcome == "undecided" and tests else None
    return Decision(
        requirement=each.requirement.text,
        outcome=outcome,
        measure=each.measure.name,
        measured=each.measured,
        sentence=_sentence(each, outcome, take),
        images=each.measure.total,
        value=each.value,
        low=each.low,
        high=each.high,
        p=p,
        take=take,
    )


def _outcome(each: Evidence, p: float | None, alpha: float) -> Outcome:
    if each.holds:
        return "met"
    if p is None:  # a fact
        return "undecided" if each.holds is None else "not met"
    return "not met" if p <= alpha else "undecided"


def _sentence(each: Evidence, outcome: Outcome, take: int | None) -> str:
    if outcome != "undecided":
        return f"{each.requirement.text}: {outcome}; {each.measured}."
    if each.reason:
        return f"{each.requirement.text}: cannot be decided, as {each.reason}."
    advice = f"take about {count(take)}" if take else f"and {count(exact.MOST)} would probably not do"
    return (
        f"{each.requirement.text}: cannot be decided with {plural(each.measure.total, 'sample')}, {advice}; "
        f"{each.measured}."
    )
