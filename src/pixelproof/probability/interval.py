"""What a count of dropped images says of the share that breaks: an estimate, and an interval exact for any count.

Images are drawn and the one with the lowest score is dropped, again and again; replaced or not, each drop multiplies
the share of the distribution that scores higher. Where images are independent draws from what scores above the last
one dropped, and r of them are left, the logarithm of that share falls at each drop by an exponential variable of
rate r (Rényi, 1953; Guyader, Hengartner and Matzner-Løber, 2011, theorem 1). So of a share p the m-th drop lies below
the failures exactly where T_m = Σ E_i / r_i ≤ −log p, which turns a count into an interval for p as Clopper and
Pearson (1934) do for a count of successes: without replacement it is theirs. No limit theorem is in it, as in Tit,
Furon and Rousset (2021), who take it with one drop at a time.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize, special

from pixelproof.probability.schedule import Schedule

CONFIDENCE = 0.95

#: Points at which the characteristic function of T_m is summed. T_m has a standard deviation below 1 wherever this is
#: used, and lies below 50: waves of 2π/50 see it once, and beyond a frequency of 60 it is below 10⁻¹⁵.
_STEP, _POINTS = 2 * np.pi / 50, 500


@dataclass(frozen=True)
class Estimate:
    """A share and the ends of its interval, all in [0, 1]; ``value`` is None where no failure was reached."""

    value: float | None
    low: float
    high: float


def estimate(dropped: int, reached: bool, schedule: Schedule, confidence: float = CONFIDENCE) -> Estimate:
    """What it means that ``dropped`` images were below the failures, or, not ``reached``, at least so many.

    Raises ``ValueError`` for a count that ``schedule`` cannot come to.
    """
    if not 0 <= dropped <= schedule.most:
        raise ValueError(f"There cannot be {dropped} drops of at most {schedule.most}.")
    tail = (1 - confidence) / 2
    rates = schedule.left(dropped + 1)
    high = float(np.exp(-_quantile(rates[:-1], tail))) if dropped else 1.0
    if not reached:
        return Estimate(None, 0.0, high)
    value = float(np.prod(1 - 1 / np.array(rates[:-1], dtype=float)))
    return Estimate(value, float(np.exp(-_quantile(rates, 1 - tail))), high)


def _quantile(rates: Sequence[int], level: float) -> float:
    """Where Σ E_i / r_i, of independent standard exponential E_i, is exceeded with probability 1 − ``level``."""
    m, first = len(rates), rates[0]
    if rates[-1] == first - m + 1:  # nothing was replaced: e^−T is an order statistic of uniform draws
        return float(-np.log(special.betaincinv(first - m + 1, m, 1 - level)))
    values, times = np.unique(np.array(rates, dtype=float), return_counts=True)
    mean, deviation = float((times / values).sum()), float(np.sqrt((times / values**2).sum()))
    t = _STEP * (np.arange(_POINTS) + 0.5)
    # Gil-Pelaez (1951): P(T ≤ x) = ½ − ∫ Im(e^−itx φ(t)) / t dt / π, by the midpoint rule.
    log_phi = -(times * np.log1p(-1j * t[:, None] / values)).sum(1)

    def beyond(x: float) -> float:
        waves = np.exp(log_phi - 1j * t * x).imag / (np.arange(_POINTS) + 0.5)
        return float(0.5 - waves.sum() / np.pi - level)

    return float(optimize.brentq(beyond, max(0.0, mean - 12 * deviation), mean + 12 * deviation, xtol=1e-10))
