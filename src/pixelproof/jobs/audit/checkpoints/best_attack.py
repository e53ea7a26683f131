"""20. The claim holds against the best attack known here."""

from collections.abc import Sequence
from dataclasses import replace

from pixelproof.jobs.audit.checkpoint import bars, claimed_rule
from pixelproof.jobs.audit.claimed import against
from pixelproof.jobs.audit.context import AuditContext
from pixelproof.jobs.audit.surviving import Surviving, surviving
from pixelproof.results.audit.attacked import Attacked
from pixelproof.results.audit.checkpoint import Answer
from pixelproof.results.audit.power import power_number
from pixelproof.wording import plural

_SHOWN = 12  # attacks in the table and the figure, the strongest ones
_QUESTIONS = (
    "Has an attack on this defence, or on one like it, been published since the claim was made, and was it run?",
    "Has somebody who knows the defence tried to break it with an attack made for it alone?",
)


def check(audit: AuditContext) -> Answer:
    """Fails where the claim lies above what the attacks of this audit leave together."""
    found, claimed = surviving(audit), audit.claim.robust_accuracy
    changed = bool(audit.access.differentiable.steps)
    best = _strongest([each for each in found.attacks if len(each.rows) == found.samples] or found.attacks)[:_SHOWN]
    beside = _strongest(found.beside)[:_SHOWN]
    counted = "the strongest of them, as answers are random" if audit.random else "taken sample by sample"
    numbers = (
        ("Robust accuracy claimed", f"{claimed:g} %, under {audit.claim.evaluation.attack}"),
        (f"Right under {plural(len(found.attacks), 'attack')}", f"{found.robust_accuracy}, {counted}"),
        power_number(found.robust_accuracy),
        *((f"Right after {_name(each, changed)}", str(each.robust_accuracy)) for each in best),
        *((f"Beyond the threat model: {_name(each, changed)}", str(each.robust_accuracy)) for each in beside),
    )
    plot = bars(
        "best-attack",
        "What each attack leaves",
        {
            "all together": found.robust_accuracy,
            **{_name(each, changed): each.robust_accuracy for each in best},
        }.items(),
        caption="Attacks that the threat model permits, the strongest first, with 99 % intervals.",
        rule=claimed_rule(audit),
    )
    made = plural(len(found.attacks), "attack")
    text = f"{claimed:g} % is claimed. Under {made} of this audit {found.robust_accuracy} of the samples stay right."
    answer = Answer("pass", text, numbers=numbers, plots=(plot,), questions=_QUESTIONS, notes=_notes(found))
    verdict, said = against(audit, found.robust_accuracy)
    answer = replace(answer, verdict=verdict, finding=f"{text} {said}".strip())
    if verdict == "fail":
        return replace(answer, remedy="Claim no more than today's strongest attack leaves.")
    return answer if verdict == "pass" else replace(answer, remedy="Attack more samples, to see whether it is chance.")


def _strongest(attempts: Sequence[Attacked]) -> list[Attacked]:
    """Those that keep within the threat model's ball, those of most samples first, and the strongest of them first.

    Of several runs under one name the strongest is kept.
    """
    inside = [each for each in attempts if each.fooled.count(True) == len(each.broken)]
    ordered = sorted(inside, key=lambda each: (-len(each.rows), each.robust_accuracy.successes))
    named = {(each.attack, each.view): each for each in reversed(ordered)}
    return [each for each in ordered if named[each.attack, each.view] is each]


def _name(attempt: Attacked, changed: bool) -> str:
    """``opened``: something had to be done to lay the model open."""
    return f"{attempt.attack}, laid open" if changed and attempt.view == "open" else attempt.attack


def _notes(found: Surviving) -> tuple[str, ...]:
    if not found.beside:
        return ()
    number = plural(len(found.beside), "attack")
    return (f"Beside the claim: {number} made with more than the threat model's attacker has.",)
