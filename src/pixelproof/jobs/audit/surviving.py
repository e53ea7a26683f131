"""What all attacks of an audit leave.

Carlini et al., "On Evaluating Adversarial Robustness", arXiv:1902.06705, 2019, section 5.6: the worst of all attacks is
taken sample by sample.
"""

from dataclasses import dataclass, replace

from pixelproof.errors import InputError
from pixelproof.jobs.audit.attacks import (
    attack,
    attempts,
    black_box,
    has_scores,
    iterative,
    labels_on_few,
    on_scores,
    strongest,
)
from pixelproof.jobs.audit.checkpoint import beside
from pixelproof.jobs.audit.context import AuditContext
from pixelproof.jobs.audit.follow import inside_attacks
from pixelproof.jobs.audit.inside import interior
from pixelproof.results.audit.attacked import Attacked, attacked_rows, broken_rows
from pixelproof.results.audit.checkpoint import Answer
from pixelproof.results.intervals import Rate, wilson

_FLAT = 0.5  # the share of samples without a gradient, above which there is none to follow
_SUPPORTED = (
    "The claim is no higher than what every attack here leaves, so this speaks against the attacks that were tried, "
    "not against the claim."
)


@dataclass(frozen=True)
class Surviving:
    """What ``attacks`` leave of the first ``samples``: all but ``broken``, which hold what was wrong before.

    ``beside`` are the attacks that the threat model's attacker cannot make.
    """

    attacks: tuple[Attacked, ...]
    beside: tuple[Attacked, ...]
    samples: int
    broken: frozenset[int]

    @property
    def robust_accuracy(self) -> Rate:
        return Rate(self.samples - len(self.broken), self.samples)


def surviving(audit: AuditContext) -> Surviving:
    """The samples that survive all attempts so far, the strongest attack that is permitted being among them.

    Raises ``InputError`` where no attack is permitted that has a form here.
    """
    _attack_strongly(audit)
    found = surviving_so_far(audit)
    if found is None:
        raise InputError("No attack that the threat model permits has a form here.")
    return found


def surviving_so_far(audit: AuditContext) -> Surviving | None:
    """The same over what was tried already; None where that is nothing.

    A random model that is asked often enough is wrong by luck on more and more samples, so of that one the attack
    counts that fools most.
    """
    made = attempts(audit)
    counted = tuple(each for each in made if _permitted(audit, each))
    if not counted:
        return None
    beside = tuple(each for each in made if not _permitted(audit, each))
    choices = [(each,) for each in counted] if audit.random else [counted]
    samples, broken = max((_broken(audit, choice) for choice in choices), key=lambda found: (found[0], len(found[1])))
    return Surviving(counted, beside, samples, broken)


def _permitted(audit: AuditContext, attempt: Attacked) -> bool:
    """Whether the threat model's attacker can make it; queries count where there are no weights to ask at home."""
    if audit.threat.knowledge == "white-box" or audit.threat.queries is None:
        return audit.permits(attempt.needs)
    return audit.permits(attempt.needs) and attempt.queries <= audit.threat.queries


def strong_attacks(audit: AuditContext) -> list[Attacked]:
    """The strongest by gradients, of parts inside the model too; else, where there are none, those on what it tells.

    What is found inside comes first, and the attacks on the whole are made on what that leaves. Raises ``InputError``
    for L0.
    """
    followed = inside_attacks(audit)
    if not blind(audit):
        specs = strongest(audit.threat, audit.effort, random=audit.random)
        return [*followed, *(attack(audit, each, rows=_left(audit, followed)) for each in specs)]
    return followed or black_box(audit)


def white_box(audit: AuditContext) -> list[Attacked]:
    """The attacks by gradients as the claim's evaluation had them, weak and strong. Raises ``InputError`` for L0.

    One that knew the defence has what is found inside the model too.
    """
    specs = (iterative(audit.threat), *strongest(audit.threat, audit.effort, random=audit.random))
    found = [attack(audit, each, audit.claimed_view) for each in specs]
    return [*found, *inside_attacks(audit)] if audit.claim.evaluation.adaptive else found


def blind(audit: AuditContext) -> bool:
    """Whether an attack on the whole has no gradient to follow: none at all, or 0 on most samples."""
    return bool(audit.access.no_gradients("open")) or interior(audit).flat > _FLAT


def supported(audit: AuditContext) -> bool:
    """Whether the claim is no higher than what all attacks leave, but for the chance of a sample so small.

    Then a sign of trouble speaks against an attack, not against the claim. The level is 95 %, one-sided, as little of
    chance is to be forgiven where something is odd. Where nothing can be attacked nothing supports it.
    """
    try:
        left = surviving(audit).robust_accuracy
    except InputError:
        return False
    return audit.claim.robust_accuracy / 100 <= wilson(left.successes, left.total, 0.9).high


def tempered(audit: AuditContext, answer: Answer) -> Answer:
    """``answer``, its fail a warning where the claim is ``supported`` all the same, or rests on no gradients."""
    answer = beside(audit, answer)
    if answer.verdict != "fail" or not supported(audit):
        return answer
    return replace(answer, verdict="warn", finding=f"{answer.finding} {_SUPPORTED}")


def _left(audit: AuditContext, followed: list[Attacked]) -> list[int] | None:
    """The samples still to be attacked; None for all. Of a random model each attack counts alone, so it is all."""
    if not followed or audit.random:
        return None
    broken = broken_rows(followed)
    return [row for row in range(len(audit.samples)) if row not in broken]


def _attack_strongly(audit: AuditContext) -> None:
    """The strongest permitted attack, as other checkpoints make it too; on L0 they alone have some."""
    threat, effort = audit.threat, audit.effort
    if threat.norm == "l0":
        return
    if audit.permits("gradients"):
        strong_attacks(audit)
    elif has_scores(audit):
        attack(audit, on_scores(threat, effort), "plain")
    else:
        labels_on_few(audit)


def _broken(audit: AuditContext, attacks: tuple[Attacked, ...]) -> tuple[int, frozenset[int]]:
    """How many of the first samples were all attacked or wrong before, and those of them that are broken."""
    tried, wrong = attacked_rows(attacks), audit.decision.wrong
    first = min(set(range(len(audit.samples))) - wrong - tried, default=len(audit.samples))
    samples = first if first == len(audit.samples) else 1 + max((row for row in tried if row < first), default=-1)
    return samples, frozenset(row for row in broken_rows(attacks) | wrong if row < samples)
