"""1. The threat model is complete, and the evaluation lies within it."""

import re
from collections.abc import Iterator
from typing import Any, Literal

from pixelproof.attacks.attack import Attack
from pixelproof.attacks.named import NAMES, parse_attack
from pixelproof.errors import InputError
from pixelproof.jobs.audit.context import AuditContext
from pixelproof.results.audit.checkpoint import Answer, Remark, summed
from pixelproof.results.audit.claim import NORMS, Claim, Comparison, Evaluation, Threat
from pixelproof.wording import listed

_ALIKE = 1e-3  # relative difference of two epsilons that rounding in a text explains
#: Attacks that were made on something else than the model, by what they are called.
_ELSEWHERE = re.compile(
    r"transfer\w*|substitute|surrogate|proxy|black.?box|(an)?other (network|model)|source (network|model)"
    r"|(single|one|first) (member|model|network)|one of the|member|bare (network|model)|undefended|without the defen\w+"
    r"|random noise|gaussian noise",
    re.IGNORECASE,
)
_SEVERAL = re.compile(r"\band\b|[+,;&]")
_QUESTIONS = (
    "Is this the attacker that matters where the model is used, and is epsilon large enough for what such a one may "
    "do unnoticed?",
    "Does the claim need anything to stay secret (the defence, a key, a seed), and how is it kept so?",
)


def check(audit: AuditContext) -> Answer:
    """Fails where the claim goes beyond what was evaluated, or is held against a claim about another attacker."""
    claim, parsed = audit.claim, _parsed(audit.claim.evaluation.attack)
    missing = _missing(claim, parsed)
    remarks = [
        *_of_threat(claim.threat),
        *_of_ball(claim, parsed),
        *_of_goal(claim),
        *_of_knowledge(claim, parsed),
        *(found for each in claim.comparisons for found in _of_comparison(claim.threat, each)),
        *_untold(missing),
    ]
    numbers = (
        ("Threat model", _described(claim.threat)),
        ("Evaluated by", claim.evaluation.attack),
        ("Not told", listed(missing) if missing else "nothing"),
    )
    kept = "The threat model is complete, and the evaluation lies within it."
    return summed(remarks, kept, numbers=numbers, questions=_QUESTIONS)


def _described(threat: Threat) -> str:
    queries = "any number of queries" if threat.queries is None else f"at most {threat.queries:,} queries"
    unit = "pixels" if threat.norm == "l0" else "grey levels"
    return f"{threat.goal}, {threat.knowledge}, {NORMS[threat.norm]}, epsilon {threat.epsilon:g} {unit}, {queries}"


def _parsed(text: str) -> Attack | None:
    """The attack of ours that ``text`` spells, if it is one."""
    if text.strip().lower().partition("(")[0].strip() not in NAMES:
        return None
    try:
        return parse_attack(text.lower())
    except InputError:
        return None


def _of_threat(threat: Threat) -> Iterator[Remark]:
    if threat.epsilon < 1:
        unit = "pixels" if threat.norm == "l0" else "grey levels"
        meant = f" As a share of the range it would be {255 * threat.epsilon:.3g}." if threat.norm != "l0" else ""
        yield Remark(
            "fail",
            f"Two 8-bit images never differ by as little as the {threat.epsilon:g} {unit} of the threat model, so it "
            f"allows no attack.{meant}",
            "State epsilon in grey levels, in which 8/255 is 8, and measure again.",
        )
    if threat.knowledge != "white-box" and threat.queries is None:
        yield Remark(
            "warn",
            f"The {threat.knowledge} attacker's number of queries is not stated, so it is taken to be without limit.",
            "State how many queries the attacker may make.",
        )


def _of_ball(claim: Claim, parsed: Attack | None) -> Iterator[Remark]:
    """The norm and epsilon of the evaluation, from its keys and from the attack's spec."""
    threat, evaluation = claim.threat, claim.evaluation
    others = {evaluation.norm, _parsed_value(evaluation, parsed, "norm")} - {None, threat.norm}
    if others:
        measured = listed(sorted(title for norm, title in NORMS.items() if norm in others))
        yield Remark(
            "fail",
            f"Robustness in {NORMS[threat.norm]} is claimed, but it was measured in {measured}.",
            f"Measure it in {NORMS[threat.norm]}, or claim it for the norm that was measured.",
        )
        return
    epsilons = [each for each in (evaluation.epsilon, _parsed_value(evaluation, parsed, "epsilon")) if each is not None]
    least = min(epsilons, default=threat.epsilon)
    if least < threat.epsilon * (1 - _ALIKE):
        scaled = abs(255 * least / threat.epsilon - 1) < 0.02
        why = " That is a 255th of it: one of the two is a share of the range, not grey levels." if scaled else ""
        yield Remark(
            "fail",
            f"Robustness up to an epsilon of {threat.epsilon:g} is claimed, but only {least:g} was measured.{why}",
            "Measure it at the epsilon of the threat model, or claim it for the one that was measured.",
        )


def _parsed_value(evaluation: Evaluation, parsed: Attack | None, name: Literal["norm", "epsilon"]) -> Any:
    """What the attack's spec string says of ``name``; None where it says nothing."""
    named = parsed is not None and f"{name}=" in evaluation.attack.lower().replace(" ", "")
    return getattr(parsed, name, None) if named else None


def _of_goal(claim: Claim) -> Iterator[Remark]:
    if claim.threat.goal == "untargeted" and claim.evaluation.goal == "targeted":
        yield Remark(
            "fail",
            "The claim is about an untargeted attacker, but the attack was targeted, which is harder for it.",
            "Measure it with an untargeted attack, or claim it for targeted attackers.",
        )


def _of_knowledge(claim: Claim, parsed: Attack | None) -> Iterator[Remark]:
    """An attack that needs less than the attacker has says little of that attacker."""
    if claim.threat.knowledge != "white-box":
        return
    told = claim.evaluation.attack
    if parsed is None and (elsewhere := _ELSEWHERE.search(told)) and not claim.evaluation.adaptive:
        yield Remark(
            "warn" if _SEVERAL.search(told) else "fail",  # of several attacks another may have followed the whole
            f"The claim is about a white-box attacker, who has the gradients of the whole model, but {told!r} followed "
            f"those of something else ({elsewhere[0]}): its images were transferred from another network, or from a "
            "member or part of this one.",
            "Measure it with an attack on the whole model as it answers, and show transferred images beside that.",
        )
        return
    if parsed is None or parsed.needs == "gradients":
        return
    yield Remark(
        # Within a number of pixels there is hardly an attack on gradients to be asked for.
        "warn" if claim.threat.norm == "l0" else "fail",
        f"The claim is about a white-box attacker, but {parsed.name} uses {parsed.needs} alone.",
        "Measure it with an attack that uses gradients, or claim it for black-box attackers.",
    )


def _of_comparison(threat: Threat, other: Comparison) -> Iterator[Remark]:
    differ = [name for name in Threat.model_fields if getattr(threat, name) != getattr(other.threat, name)]
    if differ:
        told = listed([f"{name} {_value(other.threat, name)} against {_value(threat, name)}" for name in differ])
        yield Remark(
            "fail",
            f"The claim is held against {other.name}, whose threat model is another: {told}.",
            "Compare only figures of one threat model.",
        )


def _value(threat: Threat, name: str) -> str:
    value = getattr(threat, name)
    return "unlimited" if value is None else f"{value:g}" if isinstance(value, (int, float)) else str(value)


def _missing(claim: Claim, parsed: Attack | None) -> list[str]:
    """What a reader must be told to measure the same."""
    evaluation = claim.evaluation
    named = evaluation.attack.lower().replace(" ", "")
    needed = {
        "norm": evaluation.norm or _parsed_value(evaluation, parsed, "norm"),
        "epsilon": evaluation.epsilon or _parsed_value(evaluation, parsed, "epsilon"),
        "goal": evaluation.goal,
        "samples": evaluation.samples,
    }
    if parsed is None or hasattr(parsed, "iterations"):  # others have none, or a number of their own
        needed["iterations"] = evaluation.iterations or "iterations=" in named or None
    return [name for name, value in needed.items() if value is None]


def _untold(missing: list[str]) -> Iterator[Remark]:
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        yield Remark(
            "warn",
            f"Of the evaluation, {listed(missing)} {verb} not told, so nobody can measure the same again.",
            f"State {listed(missing)} under [evaluation].",
        )
