"""Exact tests of shares and of paired changes, and how many samples they need.

Nothing here is an approximation for large numbers: binomial tails, McNemar's test as the sign test on the samples that
changed (McNemar 1947, Psychometrika 12, 153–157), Holm's correction (Holm 1979, Scand. J. Statist. 6, 65–70), and for
means of values within limits the bound of Hoeffding (1963, JASA 58, 13–30, eq. 2.1), which holds for any distribution.
"""

from collections.abc import Callable, Sequence
from functools import cache
from math import exp, lgamma, log, log1p, sqrt

#: Where a number of samples is recommended, so often must they decide what is to be decided.
POWER = 0.8
#: More samples than this are not recommended: what takes as many is not decided by samples.
MOST = 100_000


def at_least(count: int, trials: int, share: float) -> float:
    """The chance that ``count`` or more of ``trials`` independent trials succeed, each with the chance ``share``."""
    if count <= 0:
        return 1.0
    from scipy.special import bdtrc  # takes a moment, which only those wait for who test

    return 0.0 if count > trials else float(bdtrc(count - 1, trials, share))


def at_most(count: int, trials: int, share: float) -> float:
    """The chance that ``count`` or fewer of ``trials`` succeed."""
    if count < 0:
        return 0.0
    from scipy.special import bdtr

    return 1.0 if count >= trials else float(bdtr(count, trials, share))


def lower_bound(count: int, trials: int, alpha: float) -> float:
    """The share above which the truth lies but for a chance of ``alpha`` (Clopper & Pearson 1934)."""
    if count == 0:
        return 0.0
    from scipy.special import betaincinv

    return float(betaincinv(count, trials - count + 1, alpha))


def upper_bound(count: int, trials: int, alpha: float) -> float:
    """The share below which the truth lies but for a chance of ``alpha``."""
    return 1.0 - lower_bound(trials - count, trials, alpha)


def more_often(one: int, other: int) -> float:
    """The one-sided p-value of ``one`` being more than chance makes of ``one + other`` even throws."""
    return at_least(one, one + other, 0.5)


def differ(one: int, other: int) -> float:
    """The two-sided p-value of the same: McNemar's exact test, of the samples that changed one way or the other."""
    return min(1.0, 2 * more_often(max(one, other), min(one, other)))


def mean_tail(mean: float, limit: float, values: int) -> float:
    """How likely a mean as far from ``limit`` as ``mean`` is at most, if the true one were ``limit``; all in [0, 1]."""
    return exp(-values * divergence(mean, limit))


def highest_mean(mean: float, values: int, alpha: float) -> float:
    """The largest true mean in [0, 1] that makes a ``mean`` as low as this one no surprise at ``alpha``."""
    low, high = mean, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if mean_tail(mean, middle, values) > alpha else (low, middle)
    return high


def divergence(one: float, other: float) -> float:
    """Kullback and Leibler's, of two coins."""
    return _part(one, other) + _part(1 - one, 1 - other)


def _part(one: float, other: float) -> float:
    if one <= 0:
        return 0.0
    return one * log(one / other) if other > 0 else float("inf")


def holm(values: Sequence[float]) -> list[float]:
    """``values``, p-values of one family, corrected: any false alarm among those below α has a chance of α at most."""
    order = sorted(range(len(values)), key=lambda k: values[k])
    found, highest = [0.0] * len(values), 0.0
    for rank, k in enumerate(order):
        highest = max(highest, min(1.0, (len(values) - rank) * values[k]))
        found[k] = highest
    return found


# Samples and power.


def power_of_share(truth: float, limit: float, samples: int, alpha: float) -> float:
    """How often ``samples`` show a share ``truth`` to be on its side of ``limit``, at ``alpha``."""
    if truth < limit:
        truth, limit = 1 - truth, 1 - limit
    needed = first(lambda count: at_least(count, samples, limit) <= alpha, 0, samples)
    return 0.0 if needed is None else at_least(needed, samples, truth)


def power_of_change(worse: float, better: float, samples: int, alpha: float) -> float:
    """How often McNemar's one-sided test finds a change for the worse, at ``alpha``.

    Of ``samples`` each is changed for the worse with the chance ``worse``, for the better with the chance ``better``.
    """
    share = worse + better
    if share <= 0:
        return 0.0
    reach = 8 * sqrt(samples * share) + 8  # beyond it lies less than one in a million millions
    numbers = range(max(1, int(samples * share - reach)), min(samples, int(samples * share + reach)) + 1)
    found = 0.0
    for changed in numbers:
        if (needed := _rejects(changed, alpha)) is not None:
            found += _exactly(changed, samples, min(1.0, share)) * at_least(needed, changed, worse / share)
    return min(1.0, found)


@cache
def _rejects(changed: int, alpha: float) -> int | None:
    """The fewest of ``changed`` samples that have to be worse for the sign test to say so."""
    return first(lambda worse: more_often(worse, changed - worse) <= alpha, 0, changed)


def _exactly(count: int, trials: int, share: float) -> float:
    if share >= 1:
        return float(count == trials)
    ways = lgamma(trials + 1) - lgamma(count + 1) - lgamma(trials - count + 1)
    return exp(ways + count * log(share) + (trials - count) * log1p(-share))


def enough(holds: Callable[[int], bool], more_than: int) -> int | None:
    """About the smallest number of samples above ``more_than`` for which ``holds``; None where ``MOST`` are too few."""
    low, high = more_than, more_than + 1
    while not holds(high):
        if high >= MOST:
            return None
        low, high = high, min(2 * high, MOST)
    return first(holds, low + 1, high)


def first(holds: Callable[[int], bool], low: int, high: int) -> int | None:
    """The smallest number from ``low`` to ``high`` from which on ``holds``; None where it does not at ``high``."""
    if not holds(high):
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low
