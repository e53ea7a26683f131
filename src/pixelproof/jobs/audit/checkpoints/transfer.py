"""15. Images made on a substitute do not beat those made on the model."""

from __future__ import annotations

from dataclasses import replace

from pixelproof.errors import RunError
from pixelproof.jobs.audit.attacked import Attacked
from pixelproof.jobs.audit.bars import bar
from pixelproof.jobs.audit.case import Case
from pixelproof.jobs.audit.checkpoint import Answer, Checkpoint, Plot
from pixelproof.jobs.audit.measures.attacker import beside, white_box
from pixelproof.jobs.audit.measures.stored import stored
from pixelproof.jobs.audit.measures.substitute import transfer
from pixelproof.jobs.audit.paired import more_often, overstated
from pixelproof.results.intervals import Rate
from pixelproof.wording import count, plural

_QUESTION = "Could an attacker get the training data, or a public model that was trained on the same data?"


def judge(case: Case) -> Answer:
    """Fails where transferred images refute the claim, or fool what gradients of the model do not, beyond chance."""
    found, notes = transfer(case), []
    shown = [found.attacked]
    for folder in case.stored:
        try:
            shown.append(stored(case, folder))
        except RunError as error:
            notes.append(str(error))
    notes += [f"{each.attack} hold none of the samples." for each in shown if not each.rows]
    shown = [each for each in shown if each.rows]
    white = _white(case)
    numbers = (
        ("Images that the model was asked about", count(found.images)),
        ("Answers on which substitute and model agree", str(found.agreement)),
        *((f"Right after {name} on the substitute", str(rate)) for name, rate in found.right),
        *((f"Right after {each.attack}", str(_right(each))) for each in (*shown, *white)),
    )
    answer = _refuted(case, shown) or _compared(case, shown, white)
    return replace(
        answer, numbers=numbers, plots=(_plot(case, shown, white),), questions=(_QUESTION,), notes=tuple(notes)
    )


def _white(case: Case) -> list[Attacked]:
    return [] if case.blind("open") else white_box(case)


def _refuted(case: Case, shown: list[Attacked]) -> Answer | None:
    for each in sorted(shown, key=lambda one: _right(one).value or 0.0):
        if overstated(case.claim.robust_accuracy, _right(each)):
            claimed = f"{case.claim.robust_accuracy:g} % is claimed"
            finding = f"Under {each.attack} {_right(each)} stay right, where {claimed}."
            return Answer("fail", finding, "Claim no more than images leave that were made on another network.")
    return None


def _compared(case: Case, shown: list[Attacked], white: list[Attacked]) -> Answer:
    rows = frozenset(row for each in shown for row in each.rows)
    by_shown = frozenset(row for each in shown for row in each.broken)
    by_white = rows & frozenset(row for each in white for row in each.broken)
    left = Rate(len(rows - by_shown), len(rows))
    if not white:
        finding = f"Transferred images leave {left} right; there are no gradients to hold them against."
        return Answer("pass", finding)
    only_shown, only_white = len(by_shown - by_white), len(by_white - by_shown)
    counts = (
        f"of {plural(len(rows), 'sample')}, {only_shown} are fooled only by images made on another network, "
        f"{only_white} only by gradients of the model"
    )
    if more_often(only_shown, only_white):
        remedy = "Look for what masks the model's gradients: images of a poor copy should not do better."
        return beside(case, Answer("fail", f"Transfer beats the model's own gradients: {counts}.", remedy))
    return Answer("pass", f"Transfer does no better than the model's own gradients: {counts}.")


def _right(attacked: Attacked) -> Rate:
    return Rate(len(attacked.rows) - len(attacked.broken), len(attacked.rows))


def _plot(case: Case, shown: list[Attacked], white: list[Attacked]) -> Plot:
    groups = [(each, "transferred") for each in shown] + [(each, "gradients of the model") for each in white]
    return Plot(
        name="transfer",
        title="Images made on a substitute",
        kind="bar",
        x="Attack",
        y="Samples right, %",
        rows=tuple({**bar(each.attack, _right(each)), "group": group} for each, group in groups),
        caption="Samples that stay right within the threat model, with 99 % intervals.",
        rule=(case.claim.robust_accuracy, "claimed"),
    )


CHECKPOINT = Checkpoint(
    number=15,
    name="transfer",
    title="Transfer does not beat white-box attacks",
    asks="Do images made on a copy of the model, or stored ones, fool what gradients of the model do not?",
    needs="labels",
    source="Tekwani & Parmar, section III-G; Carlini et al., section 4.4; Papernot et al., 2017",
    judge=judge,
)
