"""13. Hiding scores is no defence: labels alone are enough to attack."""

from __future__ import annotations

from collections.abc import Mapping

from pixelproof.jobs.audit.arsenal import on_labels
from pixelproof.jobs.audit.attacked import Attacked
from pixelproof.jobs.audit.bars import bar
from pixelproof.jobs.audit.case import Case
from pixelproof.jobs.audit.checkpoint import Answer, Checkpoint, Plot
from pixelproof.jobs.audit.measures.hidden import hidden
from pixelproof.jobs.audit.measures.levels import levels
from pixelproof.jobs.audit.measures.substitute import transfer
from pixelproof.jobs.audit.paired import overstated
from pixelproof.results.intervals import Rate
from pixelproof.wording import count

_REMEDY = (
    "Show how the model stands with its scores laid open, and claim what an attacker leaves who uses labels and a "
    "substitute."
)


def judge(case: Case) -> Answer:
    """Fails where the claim lies above what attacks leave that use no more than the model tells."""
    kept_back = hidden(case)
    if not kept_back:
        return Answer("pass", "The model tells all of its scores, so nothing of its accuracy rests on hiding them.")
    attacks = _on_few(case) if case.threat.norm == "l0" else _attacks(case)
    rates = _rates(case, attacks)
    lowest = min(rates.values(), key=lambda rate: rate.value or 0.0)
    refuting = [name for name, rate in rates.items() if overstated(case.claim.robust_accuracy, rate)]
    numbers = (
        ("What the model tells", kept_back),
        ("Robust accuracy claimed", f"{case.claim.robust_accuracy:g} %"),
        *((f"Right after {name}", str(rate)) for name, rate in rates.items()),
        *((f"Queries of a sample, {each.attack}", count(round(each.queries))) for each in attacks),
    )
    plots = (_plot(case, rates),)
    if refuting:
        name = min(refuting, key=lambda each: rates[each].value or 0.0)
        finding = (
            f"The model tells {kept_back}. With no more than that, {name} leaves {rates[name]} right, where "
            f"{case.claim.robust_accuracy:g} % is claimed."
        )
        return Answer("fail", finding, _REMEDY, numbers, plots)
    finding = (
        f"The model tells {kept_back}, which makes attacks dearer, not harder: the best of them leaves {lowest} right."
    )
    return Answer("warn", finding, _REMEDY, numbers, plots)


def _attacks(case: Case) -> list[Attacked]:
    few = range(min(case.effort.label_samples, len(case.samples)))
    return [transfer(case).attacked, case.attacked(on_labels(case.threat, case.effort), "plain", few)]


def _on_few(case: Case) -> list[Attacked]:
    """On L0 the few-pixel attack stands for all; it asks for whatever the model tells."""
    return [each for (attack, th), each in levels(case).items() if attack == "few-pixel" and th <= case.threat.epsilon]


def _rates(case: Case, attacks: list[Attacked]) -> Mapping[str, Rate]:
    """What each attack leaves of the samples it was run on, and all together of those that all were run on.

    A random model that is asked often is wrong by luck on more and more, so of that one each attack counts alone.
    """
    rates = {each.attack: Rate(len(each.rows) - len(each.broken), len(each.rows)) for each in attacks}
    if len(attacks) < 2 or case.random:
        return rates
    common = frozenset(attacks[0].rows).intersection(*(each.rows for each in attacks))
    left = common.difference(*(each.broken for each in attacks))
    return {**rates, "all together": Rate(len(left), len(common))}


def _plot(case: Case, rates: Mapping[str, Rate]) -> Plot:
    return Plot(
        name="hidden-scores",
        title="Accuracy under attacks that use what is told",
        kind="bar",
        x="Attack",
        y="Samples right, %",
        rows=tuple(bar(name, rate) for name, rate in rates.items()),
        caption="Samples that stay right within the threat model, each attack on its own samples; 99 % intervals.",
        rule=(case.claim.robust_accuracy, "claimed"),
    )


CHECKPOINT = Checkpoint(
    number=13,
    name="hidden-scores",
    title="Hiding scores is not what the claim rests on",
    asks="Does the claim hold against attacks that use labels alone, or a substitute?",
    needs="labels",
    source="Tekwani & Parmar, section III-C1; Carlini et al., section 4.4; Papernot et al., 2017",
    judge=judge,
)
