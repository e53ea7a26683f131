"""3. The accuracy claimed is what the strongest attack leaves."""

from __future__ import annotations

from pixelproof.errors import InputError
from pixelproof.jobs.audit.arsenal import strongest
from pixelproof.jobs.audit.attacked import Attacked
from pixelproof.jobs.audit.bars import bar
from pixelproof.jobs.audit.case import Case
from pixelproof.jobs.audit.checkpoint import Answer, Checkpoint, Plot
from pixelproof.jobs.audit.measures.attacker import black_box
from pixelproof.jobs.audit.paired import overstated, understated
from pixelproof.results.intervals import Rate
from pixelproof.wording import listed


def judge(case: Case) -> Answer:
    """Fails where the claim lies above all that the attacks leave which the threat model's attacker may use."""
    attacks = _attacks(case)
    counted = [each for each in attacks if case.permits(each.needs)]
    if not counted:
        raise InputError("No attack that the threat model permits has a form here.")
    rate, claimed = _withstood(counted), case.claim.robust_accuracy
    beside = [each for each in attacks if each not in counted]
    numbers = (
        ("Robust accuracy claimed", f"{claimed:g} %"),
        ("Robust accuracy measured", str(rate)),
        *((f"Right after {each.attack}", str(each.right)) for each in attacks),
    )
    finding = f"{claimed:g} % is claimed; under {listed(_names(counted))}, {rate} stay right."
    if beside:
        left = _withstood(beside)
        finding += f" Gradients, which the threat model's attacker does not have, leave {left}."
    plots = (_plot(case, attacks, rate),)
    if overstated(claimed, rate):
        remedy = "Claim what was measured here, or show why this attack lies outside the threat model."
        return Answer("fail", finding, remedy, numbers, plots)
    if understated(claimed, rate):
        finding += " The claim is lower than what was measured: the attack there was stronger, or the data differ."
        remedy = "Run the claim's own attack on these samples, and see which of the two holds."
        return Answer("warn", finding, remedy, numbers, plots)
    return Answer("pass", finding, numbers=numbers, plots=plots)


def _attacks(case: Case) -> list[Attacked]:
    """The strongest that there are for this model, and those that the threat model permits if others are stronger."""
    if case.threat.norm == "l0" and case.attempts:
        return case.attempts
    spellings = () if case.blind("open") else strongest(case.threat, case.effort, random=case.random)
    found = [case.attacked(each, "open") for each in spellings]
    return found if any(case.permits(each.needs) for each in found) else [*found, *black_box(case)]


def _withstood(attacks: list[Attacked]) -> Rate:
    """The samples that none of ``attacks`` fooled within the threat model, of all that any of them was run on."""
    rows = frozenset().union(*(each.rows for each in attacks))
    broken = frozenset().union(*(each.broken for each in attacks))
    return Rate(len(rows - broken), len(rows))


def _names(attacks: list[Attacked]) -> list[str]:
    return list(dict.fromkeys(each.attack.partition("(")[0] for each in attacks))


def _plot(case: Case, attacks: list[Attacked], rate: Rate) -> Plot:
    bars = [("No attack", Rate(len(case.right), len(case.samples)))]
    bars += [(each.attack, _withstood([each])) for each in attacks]
    bars.append(("All that count", rate))
    return Plot(
        name="attacked-accuracy",
        title="Accuracy under attack",
        kind="bar",
        x="Attack",
        y="Samples right, %",
        rows=tuple(bar(name, each) for name, each in bars),
        caption="Samples that stay right, with the 99 % intervals by which the claim is judged.",
        rule=(case.claim.robust_accuracy, "claimed"),
    )


CHECKPOINT = Checkpoint(
    number=3,
    name="attacked-accuracy",
    title="The robust accuracy is what the strongest attack leaves",
    asks="How many samples stay right under the strongest suitable attack on the whole defence?",
    needs="labels",
    source="Tekwani & Parmar, sections III-H and III-F; Carlini et al., section 4.3",
    judge=judge,
)
