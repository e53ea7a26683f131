"""9. Random noise does not beat attacks that follow something."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pixelproof.jobs.audit.attacked import Attacked
from pixelproof.jobs.audit.case import Case
from pixelproof.jobs.audit.checkpoint import Answer, Checkpoint, Plot
from pixelproof.jobs.audit.measures.attacker import beside, black_box, white_box
from pixelproof.jobs.audit.measures.noise import noise
from pixelproof.jobs.audit.paired import more_often, overstated
from pixelproof.wording import count, plural

_REMEDY = "Look for what hides the way: an attack that follows the gradient must find what is found by chance."


def judge(case: Case) -> Answer:
    """Fails where noise fools significantly many samples that gradients left standing, or refutes the claim by itself.

    Noise is drawn for the first of those, samples being in random order; where none stand, for the first of the others,
    of which it can then win none. Without gradients, attacks on scores or labels take their place, and to lose to noise
    is a warning at most.
    """
    blind = bool(case.blind("open"))
    rivals = black_box(case) if blind else white_box(case)
    rows, stand = _chosen(case, rivals)
    draws = min(case.effort.noise_draws, case.threat.queries or case.effort.noise_draws)
    found = noise(case, rows, draws)
    numbers = (
        ("Samples that noise is drawn for", f"{len(rows)}, {'left standing' if stand else 'fooled'} by other attacks"),
        ("Draws in all", count(round(found.queries * len(rows)))),
        ("Right after noise", str(found.right)),
    )
    answer = _refuted(case, found) or _judged(case, len(found.broken), len(rows), stand, draws, blind)
    return replace(answer, numbers=numbers, plots=(_plot(found, rivals),))


def _chosen(case: Case, rivals: Sequence[Attacked]) -> tuple[list[int], bool]:
    """The samples to draw noise for, and whether all ``rivals`` left them standing."""
    attacked = frozenset(row for each in rivals for row in each.rows)
    fallen = frozenset(row for each in rivals for row in each.broken)
    standing = [row for row in case.right if row in attacked - fallen]
    return (standing or case.right)[: case.effort.noise_samples], bool(standing)


def _refuted(case: Case, found: Attacked) -> Answer | None:
    wrong = frozenset(range(len(case.samples))).difference(case.right)
    left, claimed = case.standing(wrong | found.broken), case.claim.robust_accuracy
    if not found.broken or not overstated(claimed, left):
        return None
    return Answer("fail", f"Under noise alone {left} stay right, where {claimed:g} % is claimed.", _REMEDY)


def _judged(case: Case, fooled: int, rows: int, stand: bool, draws: int, blind: bool) -> Answer:
    """``fooled`` of ``rows`` samples, all of which ``stand`` under the other attacks, or all of which do not."""
    others = "attacks without gradients" if blind else "gradients"
    tries = f"{count(draws)} draws each"
    if not stand:
        finding = f"No sample is left that {others} do not fool; of {rows} of these, noise ({tries}) fools {fooled}."
        return Answer("pass", finding)
    finding = f"Of {plural(rows, 'sample')} that {others} do not fool, noise ({tries}) fools {fooled}."
    if not fooled:
        return Answer("pass", finding)
    if blind or not more_often(fooled, 0):
        return Answer("warn", finding, "Attack more samples, with more queries or iterations, to see what was missed.")
    return beside(case, Answer("fail", finding, _REMEDY))


def _plot(found: Attacked, rivals: Sequence[Attacked]) -> Plot:
    rows = frozenset(found.rows)
    bars = [(each.attack, len(rows & each.broken)) for each in rivals] + [("Noise", len(found.broken))]
    return Plot(
        name="noise",
        title="Noise against attacks",
        kind="bar",
        x="Attack",
        y="Samples fooled, %",
        rows=tuple({"name": name, "y": 100 * fooled / max(1, len(rows))} for name, fooled in bars),
        caption=f"Of the {plural(len(rows), 'sample')} that noise was drawn for.",
    )


CHECKPOINT = Checkpoint(
    number=9,
    name="noise",
    title="Random noise does not beat gradient attacks",
    asks="Does noise drawn blindly fool samples that gradient attacks do not?",
    needs="labels",
    source="Carlini et al., section 4.11; Athalye et al., 2018, section 3.1",
    judge=judge,
)
