"""The samples that withstand every attack which the threat model permits.

Carlini et al., "On Evaluating Adversarial Robustness", arXiv:1902.06705, 2019, section 5.6: the worst of all attacks is
taken sample by sample.
"""

from __future__ import annotations

from dataclasses import dataclass

from pixelproof.errors import InputError
from pixelproof.jobs.audit.arsenal import on_labels, on_scores, strongest
from pixelproof.jobs.audit.attacked import Attacked
from pixelproof.jobs.audit.case import Case
from pixelproof.results.intervals import Rate


@dataclass(frozen=True)
class Withstood:
    """What ``attacks`` leave standing of the first ``samples``: all but ``fallen``, which hold what was wrong before.

    ``beside`` are the attacks that the threat model's attacker cannot make.
    """

    attacks: tuple[Attacked, ...]
    beside: tuple[Attacked, ...]
    samples: int
    fallen: frozenset[int]

    @property
    def rate(self) -> Rate:
        return Rate(self.samples - len(self.fallen), self.samples)


def withstood(case: Case) -> Withstood:
    """Over all attempts so far, the strongest attack that is permitted being among them.

    Raises ``InputError`` where no attack is permitted that has a form here.
    """
    _attack(case)
    found = so_far(case)
    if found is None:
        raise InputError("No attack that the threat model permits has a form here.")
    return found


def so_far(case: Case) -> Withstood | None:
    """The same over what was tried already; None where that is nothing.

    A random model that is asked often enough is wrong by luck on more and more samples, so of that one the attack
    counts that fools most.
    """
    counted = tuple(each for each in case.attempts if permitted(case, each))
    if not counted:
        return None
    beside = tuple(each for each in case.attempts if not permitted(case, each))
    ways = [(each,) for each in counted] if case.random else [counted]
    samples, fallen = max((_fallen(case, way) for way in ways), key=lambda found: (found[0], len(found[1])))
    return Withstood(counted, beside, samples, fallen)


def permitted(case: Case, attempt: Attacked) -> bool:
    """Whether the threat model's attacker can make it; queries count where there are no weights to ask at home."""
    if case.threat.knowledge == "white-box" or case.threat.queries is None:
        return case.permits(attempt.needs)
    return case.permits(attempt.needs) and attempt.queries <= case.threat.queries


def _attack(case: Case) -> None:
    """The strongest permitted attack, as other checkpoints make it too; on L0 they alone have some."""
    threat, effort = case.threat, case.effort
    if threat.norm == "l0":
        return
    if case.permits("gradients") and not case.blind("open"):
        for spelling in strongest(threat, effort, random=case.random):
            case.attacked(spelling)
    elif case.classifier.kind != "labels" and threat.norm in ("linf", "l2"):
        case.attacked(on_scores(threat, effort), "plain")
    else:
        case.attacked(on_labels(threat, effort), "plain", range(min(effort.label_samples, len(case.samples))))


def _fallen(case: Case, attacks: tuple[Attacked, ...]) -> tuple[int, frozenset[int]]:
    """How many of the first samples were all attacked or wrong before, and those of them that fell."""
    tried = frozenset[int]().union(*(each.rows for each in attacks))
    first = min(set(case.right) - tried, default=len(case.samples))
    samples = first if first == len(case.samples) else 1 + max((row for row in tried if row < first), default=-1)
    broken = frozenset[int]().union(*(each.broken for each in attacks)) | (set(range(samples)) - set(case.right))
    return samples, frozenset(row for row in broken if row < samples)
