"""The robust accuracy that is claimed, against what attacks leave: refuted, not decided, or no higher."""

from dataclasses import replace
from math import ceil

from pixelproof.attacks.goal import Goal
from pixelproof.jobs.audit.attacks import attack, iterative
from pixelproof.jobs.audit.context import AuditContext
from pixelproof.jobs.audit.follow import inside_attacks
from pixelproof.jobs.audit.surviving import blind, surviving_so_far
from pixelproof.results.audit.attacked import broken_rows
from pixelproof.results.audit.checkpoint import Verdict
from pixelproof.results.audit.power import more_samples, samples_to_tell
from pixelproof.results.audit.statistics import interval, overstated
from pixelproof.results.intervals import Rate
from pixelproof.wording import plural

_ITERATIONS = 40  # of the attack on further samples, which need not be the strongest to refute
_FEW = 20  # correctly classified samples, below which any claim agrees with the accuracy over them
_RANDOM = 2  # times the samples that are attacked of a random model, at most
_SPARE = 1.2  # by how much more samples are taken than would just do, were the share the same


def against(audit: AuditContext, rate: Rate) -> tuple[Verdict, str]:
    """Verdict on the robust accuracy claimed, by what attacks leave of the samples, and what there is to say of it.

    Where the claim lies above ``rate`` and chance could explain it, further samples are attacked, if so many as the
    effort allows could tell.
    """
    claimed = audit.claim.robust_accuracy
    if rate.value is None or claimed <= 100 * rate.value:
        return "pass", ""
    if overstated(claimed, rate):
        return "fail", reading(audit, rate)
    found = _further(audit, rate)
    if found is not None and overstated(claimed, found):
        return "fail", f"Of more samples, {found} stay right. {reading(audit, found)}".strip()
    known = found if found is not None and claimed > 100 * (found.value or 0) else rate
    text = (
        f"The claim lies above what was measured, which {plural(known.total, 'sample')} cannot tell from chance: "
        f"it is undecided; to decide it, {more_samples(claimed, known)}."
    )
    return "warn", f"{text} {reading(audit, rate)}".strip()


def reading(audit: AuditContext, rate: Rate) -> str:
    """Over which samples the claim would agree with what was measured; empty where over none that are thought of."""
    return over_right(audit, rate) or _over_surest(audit, rate)


def _over_surest(audit: AuditContext, rate: Rate) -> str:
    """The same over the half of the samples that the model is surest of: an attack breaks these last."""
    left = surviving_so_far(audit)
    if left is None or left.samples < len(audit.samples) or rate.total != left.samples:
        return ""
    margins: list[float] = audit.evidence.memoise("margins", lambda: _margins(audit))
    surest = sorted(range(left.samples), key=lambda row: -margins[row])[: left.samples // 2]
    found = Rate(sum(row not in left.broken for row in surest), len(surest))
    within, claimed = interval(found), audit.claim.robust_accuracy / 100
    if len(surest) < _FEW or not (overstated(100 * claimed, rate) and within.low <= claimed <= within.high):
        return ""
    return (
        f"Of the half of the samples that the model is surest of, {found} stay right: a claim about a chosen subset "
        "would be as high."
    )


def _margins(audit: AuditContext) -> list[float]:
    """Of the true class over the next, for each sample without any attack."""
    images, labels = audit.samples.images, audit.samples.labels
    found: list[float] = Goal(labels).loss("margin", audit.decision.log_scores(images)).double().tolist()
    return found


def over_right(audit: AuditContext, rate: Rate) -> str:
    """What the claim would agree with, were it counted over the samples alone that are right without any attack."""
    right = round((audit.samples.surviving(audit.decision.wrong).value or 0) * rate.total)
    if not rate.successes or right == rate.total or right < max(rate.successes, _FEW):
        return ""
    over_right = Rate(rate.successes, right)
    found, claimed = interval(over_right), audit.claim.robust_accuracy / 100
    nearer = abs(claimed - (over_right.value or 0)) < abs(claimed - (rate.value or 0))
    if not (found.low <= claimed <= found.high and nearer):
        return ""
    return (
        f"It agrees with the accuracy over the correctly classified samples alone, {over_right}: the denominator of "
        "the claim may leave out what is wrong before any attack."
    )


def _further(audit: AuditContext, rate: Rate) -> Rate | None:
    """What a quick attack leaves of more samples; None where so many as may be attacked could tell nothing either."""
    most = min(audit.effort.further, len(audit.data))
    if audit.random:  # whose every answer is many
        most = min(most, _RANDOM * rate.total)
    needed = samples_to_tell(audit.claim.robust_accuracy, rate)
    if most <= rate.total or needed > most or audit.threat.norm == "l0" or not audit.permits("gradients"):
        return None
    if blind(audit) and not inside_attacks(audit):
        return None
    count = min(most, ceil(_SPARE * needed))
    measured: list[int] = audit.evidence.memoise(f"further samples|{count}", lambda: _left_of(audit, count))
    return Rate(*measured)


def _left_of(audit: AuditContext, count: int) -> list[int]:
    """How many of the first ``count`` samples stay right, and ``count``."""
    wider = AuditContext(
        audit.claim,
        replace(audit.effort, samples=count),
        audit.classifier,
        audit.data,
        seed=audit.seed,
        device=audit.device,
        random=audit.random,
        bare=audit.bare,
    )
    attacks = inside_attacks(wider)
    broken = broken_rows(attacks) | wider.decision.wrong
    if not blind(wider):
        left = None if audit.random else [row for row in range(count) if row not in broken]
        found = attack(wider, iterative(wider.threat, _ITERATIONS), "open", left).broken
        if audit.random:  # whose attacks count one by one
            broken = max([found, *(each.broken for each in attacks)], key=len)
        else:
            broken |= found
    return [count - len(broken), count]
