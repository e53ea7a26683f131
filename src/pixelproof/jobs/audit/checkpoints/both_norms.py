"""16. Levels in both norms, L0 and L∞."""

from pixelproof.jobs.audit.checkpoint import claimed_rule, curve
from pixelproof.jobs.audit.context import AuditContext
from pixelproof.jobs.audit.levels import LEVELS, Level, levels
from pixelproof.results.audit.checkpoint import Answer
from pixelproof.results.audit.claim import NORMS
from pixelproof.wording import FEW_PIXEL, THRESHOLD, attack_name

#: The attack whose levels are those of a norm.
_OF = {"l0": "few-pixel", "linf": "threshold"}


def check(audit: AuditContext) -> Answer:
    """Fails where a level within the claim refutes it; warns where the other norm does at a level of the claim's."""
    found, claimed, own = levels(audit), audit.claim.robust_accuracy, _OF.get(audit.threat.norm)
    numbers = (
        ("Robust accuracy claimed", f"{claimed:g} %, {NORMS[audit.threat.norm]} of {audit.threat.epsilon:g}"),
        *((f"Right at {_name(level)}", str(each.right)) for level, each in found.items()),
    )
    plot = curve(
        "both-norms",
        "Accuracy by level in both norms",
        ((th, found[name, th].right, attack_name(name)) for name in _OF.values() for th in LEVELS),
        x="Level th",
        caption=f"{attack_name(FEW_PIXEL)} counts pixels, {attack_name(THRESHOLD)} grey levels; 99 % intervals.",
        rule=claimed_rule(audit),
    )
    below = {level: each for level, each in found.items() if level[1] <= max(1, audit.threat.epsilon)}
    for level, each in below.items():
        if level[0] == own and level[1] <= audit.threat.epsilon and audit.refuted_by(each.robust_accuracy):
            left = each.robust_accuracy
            finding = f"At {_name(level)}, within the claim, {left} stay right, where {claimed:g} % is claimed."
            return Answer("fail", finding, "Claim what the levels of its own norm leave.", numbers, (plot,))
    # A norm that has no levels is held against the smallest level of both.
    others = [level for level in below if level[0] != own and (own or level[1] == 1)]
    falling = [level for level in others if audit.refuted_by(found[level].right)]
    if falling:
        first = min(falling, key=lambda level: level[1])
        finding = (
            f"{claimed:g} % is claimed in {NORMS[audit.threat.norm]}; at {_name(first)} {found[first].right} stay "
            "right. This says nothing against the claim, but against relying on one norm."
        )
        remedy = "State the accuracy in both norms, and do not call robust in general what was measured in one."
        return Answer("warn", finding, remedy, numbers, (plot,))
    shown = [level for level in below if level[1] == 1]
    text = ", ".join(f"{found[level].right} at {_name(level)}" for level in shown)
    finding = f"The levels give no reason to doubt the claim: {text} stay right."
    return Answer("pass", finding, numbers=numbers, plots=(plot,))


def _name(level: Level) -> str:
    return f"{level[0]} th = {level[1]}"
