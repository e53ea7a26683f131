"""16. Levels in both norms, L0 and L∞."""

from __future__ import annotations

from collections.abc import Mapping

from pixelproof.jobs.audit.attacked import Attacked
from pixelproof.jobs.audit.bars import band
from pixelproof.jobs.audit.case import Case
from pixelproof.jobs.audit.checkpoint import Answer, Checkpoint, Plot
from pixelproof.jobs.audit.claim import NORMS
from pixelproof.jobs.audit.measures.levels import LEVELS, Level, levels
from pixelproof.jobs.audit.paired import overstated
from pixelproof.results.intervals import Rate
from pixelproof.wording import FEW_PIXEL, THRESHOLD, attack_name

#: The attack whose levels are those of a norm.
_OF = {"l0": "few-pixel", "linf": "threshold"}


def judge(case: Case) -> Answer:
    """Fails where a level within the claim refutes it; warns where the other norm falls at a level of the claim's."""
    found, claimed, own = levels(case), case.claim.robust_accuracy, _OF.get(case.threat.norm)
    numbers = (
        ("Robust accuracy claimed", f"{claimed:g} %, {NORMS[case.threat.norm]} of {case.threat.epsilon:g}"),
        *((f"Right at {_name(level)}", str(_right(each))) for level, each in found.items()),
    )
    plots = (_plot(case, found),)
    below = {level: each for level, each in found.items() if level[1] <= max(1, case.threat.epsilon)}
    for level, each in below.items():
        if level[0] == own and level[1] <= case.threat.epsilon and overstated(claimed, _within(each)):
            finding = (
                f"At {_name(level)}, within the claim, {_within(each)} stay right, where {claimed:g} % is claimed."
            )
            return Answer("fail", finding, "Claim what the levels of its own norm leave.", numbers, plots)
    # A norm that has no levels is held against the smallest level of both.
    others = [level for level in below if level[0] != own and (own or level[1] == 1)]
    fallen = [level for level in others if overstated(claimed, _right(found[level]))]
    if fallen:
        first = min(fallen, key=lambda level: level[1])
        finding = (
            f"{claimed:g} % is claimed in {NORMS[case.threat.norm]}; at {_name(first)} {_right(found[first])} stay "
            "right. This says nothing against the claim, but against relying on one norm."
        )
        remedy = "State the accuracy in both norms, and do not call robust in general what stands in one."
        return Answer("warn", finding, remedy, numbers, plots)
    shown = [level for level in below if level[1] == 1]
    text = ", ".join(f"{_right(found[level])} at {_name(level)}" for level in shown)
    finding = f"The levels give no reason to doubt the claim: {text} stay right."
    return Answer("pass", finding, numbers=numbers, plots=plots)


def _right(attacked: Attacked) -> Rate:
    """What stands at the level itself, wherever the threat's ball ends."""
    return attacked.right


def _within(attacked: Attacked) -> Rate:
    return Rate(len(attacked.rows) - len(attacked.broken), len(attacked.rows))


def _name(level: Level) -> str:
    return f"{level[0]} th = {level[1]}"


def _plot(case: Case, found: Mapping[Level, Attacked]) -> Plot:
    return Plot(
        name="both-norms",
        title="Accuracy by level in both norms",
        kind="line",
        x="Level th",
        y="Samples right, %",
        rows=tuple(_point(attack, th, found[attack, th]) for attack in _OF.values() for th in LEVELS),
        caption=f"{attack_name(FEW_PIXEL)} counts pixels, {attack_name(THRESHOLD)} grey levels; 99 % intervals.",
        rule=(case.claim.robust_accuracy, "claimed"),
    )


def _point(attack: str, th: int, attacked: Attacked) -> dict[str, object]:
    return {"x": th, **band(_right(attacked)), "line": attack_name(attack)}


CHECKPOINT = Checkpoint(
    number=16,
    name="both-norms",
    title="Levels in both norms, L0 and L∞",
    asks="How does the model stand when few pixels change, and when all change a little?",
    needs="labels",
    source="Tekwani & Parmar, section III-D; Kotyan & Vargas, 2022",
    judge=judge,
)
