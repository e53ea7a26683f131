"""What a run says for and against one requirement: exact tests of shares, means and changes, or a fact."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, log

from pixelproof.errors import InputError
from pixelproof.results import exact
from pixelproof.results.gate.change import Change
from pixelproof.results.gate.measure import VERDICTS, Measure
from pixelproof.results.gate.requirement import Requirement, find
from pixelproof.results.intervals import Interval
from pixelproof.wording import count, minus, percent, plural, points

Enough = Callable[[float], int | None]


@dataclass(frozen=True)
class Evidence:
    """``holds``: whether ``requirement`` is shown to be met; ``against``: the p-value of its being met.

    Of a fact ``against`` is None and ``holds`` settles it, or is None where it cannot, for ``reason``. ``low`` and
    ``high`` are where the truth lies, but for a chance of α beyond either; of a change they are of the drop. ``enough``
    tells about how many samples would decide it, where what is not met is said at the level that it is asked for.
    """

    requirement: Requirement
    measure: Measure
    measured: str
    value: float | str | None
    holds: bool | None
    against: float | None = None
    low: float | None = None
    high: float | None = None
    reason: str = ""
    enough: Enough = lambda _: None


def evidence(
    requirement: Requirement, measures: Sequence[Measure], baseline: Sequence[Measure] | None, alpha: float
) -> Evidence:
    """What a run of ``measures`` says of ``requirement`` at ``alpha``. Raises ``InputError`` where it has none such."""
    measure = find(requirement, measures)
    if measure.pending:
        reason = "the run is not finished: go on with pixelproof resume"
        return Evidence(requirement, measure, "not finished", None, None, reason=reason)
    if requirement.kind == "verdict":
        return _of_verdict(requirement, measure)
    if requirement.kind == "baseline":
        return _of_change(requirement, Change(_before(requirement, baseline), measure), alpha)
    if not measure.total:
        return Evidence(requirement, measure, "no images", None, None, reason="it is of no images")
    if requirement.kind == "count":
        return _of_count(requirement, measure)
    return (_of_share if measure.two_valued else _of_mean)(requirement, measure, alpha)


def _of_verdict(requirement: Requirement, measure: Measure) -> Evidence:
    said = str(measure.verdict)
    if said not in VERDICTS:
        return Evidence(requirement, measure, said, said, None, reason=f"the verdict is {said}")
    wanted, got = VERDICTS.index(requirement.verdict), VERDICTS.index(said)
    return Evidence(requirement, measure, said, said, got == wanted if requirement.sign == "=" else got >= wanted)


def _of_count(requirement: Requirement, measure: Measure) -> Evidence:
    number, limit = measure.count, requirement.value
    holds = number >= limit if requirement.sign == ">=" else number <= limit
    return Evidence(requirement, measure, f"{count(number)} of {plural(measure.total, 'image')}", number, holds)


def _of_share(requirement: Requirement, measure: Measure, alpha: float) -> Evidence:
    """Of images that count or do not: binomial tests."""
    hits, total, limit = measure.count, measure.total, requirement.value
    above, below = exact.at_least(hits, total, limit), exact.at_most(hits, total, limit)
    shows, against = (above, below) if requirement.sign == ">=" else (below, above)
    low, high = exact.lower_bound(hits, total, alpha), exact.upper_bound(hits, total, alpha)
    certain = limit == (0 if requirement.sign == ">=" else 1)  # whatever is measured
    truth = (hits + 0.5) / (total + 1)  # what is seen, drawn a little to the middle: two of two are not all

    def enough(level: float) -> int | None:
        refuted = (truth < limit) == (requirement.sign == ">=")
        own = level if refuted else alpha
        return exact.enough(lambda n: exact.power_of_share(truth, limit, n, own) >= exact.POWER, total)

    text = f"{count(hits)} of {plural(total, 'image')} = {percent(hits / total)} {Interval(low, high)}"
    shown = certain or shows <= alpha
    return Evidence(requirement, measure, text, hits / total, shown, against, low, high, enough=enough)


def _of_mean(requirement: Requirement, measure: Measure, alpha: float) -> Evidence:
    """Of images with values within limits: Hoeffding's bound, whatever their distribution."""
    start, width, total = measure.limits[0], measure.limits[1] - measure.limits[0], measure.total
    value = measure.value or 0.0
    mean, limit = (value - start) / width, (requirement.value - start) / width
    good = (mean >= limit) == (requirement.sign == ">=") or mean == limit
    apart = exact.divergence(mean, limit) if 0 < limit < 1 else 0.0
    tail = exact.mean_tail(mean, limit, total) if 0 < limit < 1 else 1.0
    certain = limit <= 0 if requirement.sign == ">=" else limit >= 1
    low, high = (
        start + width * end
        for end in (1 - exact.highest_mean(1 - mean, total, alpha), exact.highest_mean(mean, total, alpha))
    )

    def enough(level: float) -> int | None:
        needed = log(1 / (alpha if good else level)) / apart if apart > 0 else float("inf")
        return max(total + 1, ceil(needed)) if needed <= exact.MOST else None

    text = f"{percent(value)} {Interval(low, high)}, the mean over {plural(total, 'image')}"
    shown, against = certain or (good and tail <= alpha), 1.0 if good else tail
    return Evidence(requirement, measure, text, value, shown, against, low, high, enough=enough)


def _before(requirement: Requirement, baseline: Sequence[Measure] | None) -> Measure:
    if baseline is None:
        raise InputError(f"{requirement.text}: there is no baseline; name its run with --baseline.")
    return find(requirement, baseline)


def _of_change(requirement: Requirement, change: Change, alpha: float) -> Evidence:
    """Against another run: McNemar's test on the images that changed, and the largest drop that fits what was seen."""
    if change.old.pending or not change.drops:
        reason = "the baseline is not finished" if change.old.pending else "the runs have no image in common"
        return Evidence(requirement, change.new, "nothing to compare", None, None, reason=reason)
    most = change.most(alpha)
    text = (
        f"of {plural(change.total, 'image')} {count(len(change.worse))} got worse and {count(len(change.better))} "
        f"better, a drop of {points(change.drop)}, {minus(100 * most, '.1f')} at most"
    )
    margin = requirement.value
    return Evidence(
        *(requirement, change.new, text, change.drop, most <= margin, change.p_worse),
        high=most,
        enough=lambda level: change.enough(margin, alpha, level),
    )
