"""Where a reverse Weibull distribution ends, from draws of it, by maximum likelihood.

The maxima of many bounded values tend to it (Fisher & Tippett, 1928; Gnedenko, 1943), and Weng et al., "Evaluating the
Robustness of Neural Networks: An Extreme Value Theory Approach", ICLR 2018, eq. (6), take its end for the largest of
all gradients: F(x) = exp(−((a − x)/b)^c) below the location a, with the scale b and the shape c.

The plain likelihood has two holes. It grows without bound where c < 1 and a nears the largest draw; so c ≥ 1 here, and
then a is that draw where the likelihood falls from there on. And where the draws look like a Gumbel distribution,
whose end is at infinity, it keeps growing with a and c; so 0.01·c² is added to the negative log-likelihood, as in the
authors' program. With both, there always is one best fit, and it moves smoothly with the draws.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Float64Array = npt.NDArray[np.float64]

#: Weight of the square of the shape in the negative log-likelihood.
PENALTY = 0.01
_SHAPES = (1.0, 1e4)
_GAPS = (np.log(1e-6), np.log(1e3))  # from the largest draw to the location, in spreads of the draws
_POINTS, _ZOOMS, _NEWTON = 25, 4, 8
_VALUES = 1 << 20  # worked on at once


@dataclass(frozen=True, eq=False)
class ReverseWeibull:
    """M distributions: ``location`` a, where each ends, ``scale`` b and ``shape`` c, M numbers each."""

    location: Float64Array
    scale: Float64Array
    shape: Float64Array


def fit_reverse_weibull(draws: Float64Array) -> ReverseWeibull:
    """The M distributions that ``draws``, finite and M×n, are likeliest to be of; all equal draws are its location."""
    chunk = max(1, _VALUES // (_POINTS * draws.shape[1]))
    parts = [_fit(draws[start : start + chunk]) for start in range(0, len(draws), chunk)]
    return ReverseWeibull(*(np.concatenate(values) for values in zip(*parts, strict=True)))


def _fit(draws: Float64Array) -> tuple[Float64Array, Float64Array, Float64Array]:
    top = draws.max(1)
    spread = top - draws.min(1)
    below = (top[:, None] - draws) / np.where(spread > 0, spread, 1)[:, None]  # M×n in [0, 1]
    low, high = (np.full(len(draws), edge) for edge in _GAPS)
    each = np.arange(len(draws))
    for _ in range(_ZOOMS):
        gaps = np.linspace(low, high, _POINTS, axis=1)  # M×P, logarithms
        cost, scale, shape = _profile(below, np.exp(gaps))
        best = cost.argmin(1)
        low, high = gaps[each, np.maximum(best - 1, 0)], gaps[each, np.minimum(best + 1, _POINTS - 1)]
    location = top + spread * np.exp(gaps[each, best])
    return location, spread * scale[each, best], shape[each, best]


def _profile(below: Float64Array, gaps: Float64Array) -> tuple[Float64Array, Float64Array, Float64Array]:
    """For locations ``gaps`` M×P above the largest draw: least negative log-likelihood, and its scale and shape, M×P.

    The best scale is (Σ tᶜ/n)^(1/c), with t the distances to the location; that leaves a convex function of c.
    """
    logs = np.log(below[:, None, :] + gaps[:, :, None])  # M×P×n
    last, mean, n = logs.max(2), logs.mean(2), below.shape[1]
    shape = np.clip(np.pi / (np.sqrt(6) * logs.std(2) + 1e-12), *_SHAPES)  # by the deviation of log t
    for _ in range(_NEWTON):
        weights = np.exp(shape[..., None] * (logs - last[..., None]))
        weights /= weights.sum(2, keepdims=True)
        heavy = (weights * logs).sum(2)
        slope = heavy - mean - 1 / shape + 2 * PENALTY / n * shape
        bend = (weights * logs**2).sum(2) - heavy**2 + 1 / shape**2 + 2 * PENALTY / n
        shape = np.clip(shape - slope / bend, *_SHAPES)
    power = shape * last + np.log(np.exp(shape[..., None] * (logs - last[..., None])).mean(2))  # log Σ tᶜ/n
    cost = n * (1 - np.log(shape) + power - (shape - 1) * mean) + PENALTY * shape**2
    return cost, np.exp(power / shape), shape
