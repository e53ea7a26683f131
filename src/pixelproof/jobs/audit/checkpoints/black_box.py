"""8. Attacks without gradients do not beat those with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pixelproof.jobs.audit.attacked import Attacked
from pixelproof.jobs.audit.bars import bar
from pixelproof.jobs.audit.case import Case
from pixelproof.jobs.audit.checkpoint import Answer, Checkpoint, Plot
from pixelproof.jobs.audit.measures.attacker import beside, black_box, white_box
from pixelproof.jobs.audit.paired import more_often
from pixelproof.results.intervals import Rate
from pixelproof.wording import plural


def judge(case: Case) -> Answer:
    """Fails where samples that only attacks without gradients fool outnumber those that only gradients do.

    Each side is all of its attacks together, the white one on the model as it is: whoever has gradients has scores too,
    so losing to those who have nothing else means that the gradients mislead.
    """
    white = {each.attack: each for each in white_box(case)}
    black = {each.attack: each for each in (*black_box(case), *_without_gradients(case))}
    rows = frozenset(row for each in black.values() for row in each.rows)  # only these are compared
    by_white, by_black = _broken(white) & rows, _broken(black)
    rates = {name: Rate(len(each.rows) - len(each.broken), len(each.rows)) for name, each in {**white, **black}.items()}
    answer = _judged(len(by_black - by_white), len(by_white - by_black), len(rows))
    numbers = (
        *((f"Right after {name}", str(rate)) for name, rate in rates.items()),
        ("Right after all with gradients", str(Rate(len(rows - by_white), len(rows)))),
        ("Right after all without", str(Rate(len(rows - by_black), len(rows)))),
    )
    return beside(case, replace(answer, numbers=numbers, plots=(_plot(rates, white),)))


def _without_gradients(case: Case) -> list[Attacked]:
    """Whatever else was tried that needs no gradients of the model: transfer, levels."""
    return [each for each in case.attempts if each.needs != "gradients"]


def _broken(attacks: Mapping[str, Attacked]) -> frozenset[int]:
    return frozenset(row for each in attacks.values() for row in each.broken)


def _judged(only_black: int, only_white: int, rows: int) -> Answer:
    counts = (
        f"of {plural(rows, 'sample')}, {only_black} are fooled only by attacks without gradients, {only_white} only by "
        "those with them"
    )
    if more_often(only_black, only_white):
        remedy = "Look for what masks the gradient, and attack past it (BPDA, EOT, other losses)."
        return Answer("fail", f"Attacks without gradients do better: {counts}.", remedy)
    if only_black > only_white:
        remedy = "Attack more samples, and look at those that gradients miss, to see whether this is chance."
        return Answer("warn", f"Attacks without gradients do a little better, as chance could: {counts}.", remedy)
    return Answer("pass", f"Attacks without gradients do no better: {counts}.")


def _plot(rates: Mapping[str, Rate], white: Mapping[str, Attacked]) -> Plot:
    groups = {name: "with gradients" if name in white else "without" for name in rates}
    rows = [{**bar(name, rate), "group": groups[name]} for name, rate in rates.items()]
    return Plot(
        name="black-box",
        title="Accuracy with and without gradients",
        kind="bar",
        x="Attack",
        y="Samples right, %",
        rows=tuple(rows),
        caption="Samples that stay right within the threat model, each attack on its own samples; 99 % intervals.",
    )


CHECKPOINT = Checkpoint(
    number=8,
    name="black-box",
    title="Black-box attacks do not beat white-box ones",
    asks="Do attacks without gradients fool samples that attacks with them do not?",
    needs="gradients",
    source="Tekwani & Parmar, section III-G; Carlini et al., sections 4.4 and 5.4; Athalye et al., 2018, section 3.1",
    judge=judge,
)
