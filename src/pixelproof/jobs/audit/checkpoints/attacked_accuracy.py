"""3. The accuracy claimed is what the strongest attack leaves."""

from pixelproof.errors import InputError
from pixelproof.jobs.audit.attacks import attempts, black_box
from pixelproof.jobs.audit.checkpoint import bars, claimed_rule
from pixelproof.jobs.audit.claimed import against
from pixelproof.jobs.audit.context import AuditContext
from pixelproof.jobs.audit.surviving import strong_attacks
from pixelproof.results.audit.attacked import Attacked, attacked_rows, broken_rows
from pixelproof.results.audit.checkpoint import Answer
from pixelproof.results.audit.power import power_number
from pixelproof.results.audit.statistics import understated
from pixelproof.results.intervals import Rate
from pixelproof.wording import listed


def check(audit: AuditContext) -> Answer:
    """Fails where the claim lies above all that the attacks leave which the threat model's attacker may use."""
    attacks = _attacks(audit)
    counted = [each for each in attacks if audit.permits(each.needs)]
    if not counted:
        raise InputError("No attack that the threat model permits has a form here.")
    rate, claimed = _robust_accuracy(counted), audit.claim.robust_accuracy
    beside = [each for each in attacks if each not in counted]
    numbers = (
        ("Robust accuracy claimed", f"{claimed:g} %"),
        ("Robust accuracy measured", str(rate)),
        power_number(rate),
        *((f"Right after {each.attack}", str(each.right)) for each in attacks),
    )
    finding = f"{claimed:g} % is claimed; under {listed(_names(counted))}, {rate} stay right."
    if beside:
        left = _robust_accuracy(beside)
        finding += f" Gradients, which the threat model's attacker does not have, leave {left}."
    plot = bars(
        "attacked-accuracy",
        "Accuracy under attack",
        (
            ("No attack", audit.samples.surviving(audit.decision.wrong)),
            *((each.attack, each.robust_accuracy) for each in attacks),
            ("All that count", rate),
        ),
        caption="Samples that stay right, with the 99 % intervals by which the claim is judged.",
        rule=claimed_rule(audit),
    )
    verdict, said = against(audit, rate)
    finding = f"{finding} {said}".strip()
    if verdict == "fail":
        remedy = "Claim what was measured here, or show why this attack lies outside the threat model."
        return Answer("fail", finding, remedy, numbers, (plot,))
    if verdict == "warn":
        return Answer("warn", finding, "Attack more samples, until the claim is told from chance.", numbers, (plot,))
    if understated(claimed, rate):
        finding += " The claim is lower than what was measured: the attack there was stronger, or the data differ."
        remedy = "Run the claim's own attack on these samples, and see which of the two holds."
        return Answer("warn", finding, remedy, numbers, (plot,))
    return Answer("pass", finding, numbers=numbers, plots=(plot,))


def _attacks(audit: AuditContext) -> list[Attacked]:
    """The strongest that there are for this model, and those that the threat model permits if others are stronger."""
    if audit.threat.norm == "l0" and attempts(audit):
        return attempts(audit)
    found = strong_attacks(audit)
    return found if any(audit.permits(each.needs) for each in found) else [*found, *black_box(audit)]


def _robust_accuracy(attacks: list[Attacked]) -> Rate:
    """The samples that none of ``attacks`` fooled within the threat model, of all that any of them was run on."""
    rows = attacked_rows(attacks)
    return Rate(len(rows - broken_rows(attacks)), len(rows))


def _names(attacks: list[Attacked]) -> list[str]:
    return list(dict.fromkeys(each.attack.partition("(")[0] for each in attacks))
