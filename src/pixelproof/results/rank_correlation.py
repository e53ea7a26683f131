"""Whether images with small scores are those that small changes fool: a rank correlation and how far to trust it."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pixelproof.errors import InputError
from pixelproof.results.intervals import CONFIDENCE

FEWEST = 3
_DRAWS = 10_000

Float64Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class RankCorrelation:
    """Spearman's ρ of ``samples`` pairs.

    ``p_value`` is the share of random pairings with a ρ at least as far from zero; ``low`` and ``high`` are the 95 %
    bootstrap interval. All None where one side is all equal.
    """

    rho: float | None
    p_value: float | None
    low: float | None
    high: float | None
    samples: int


def rank_correlation(scores: npt.ArrayLike, distances: npt.ArrayLike, seed: int = 0) -> RankCorrelation:
    """Of ``scores`` and ``distances``, N numbers each, the same images in the same order; equal values share a rank.

    A distance may be infinite: an image that nothing fooled lies beyond all others. Raises ``InputError`` unless there
    are at least 3 pairs of numbers.
    """
    xs, ys = np.asarray(scores, float), np.asarray(distances, float)
    if xs.ndim != 1 or xs.shape != ys.shape or len(xs) < FEWEST or np.isnan(xs).any() or np.isnan(ys).any():
        raise InputError(
            f"A rank correlation needs at least {FEWEST} pairs of numbers, not scores of shape {xs.shape} and "
            f"distances of shape {ys.shape}."
        )
    n, generator = len(xs), np.random.default_rng(seed)
    rho = _spearman(xs[None], ys[None])[0]
    if np.isnan(rho):
        return RankCorrelation(None, None, None, None, n)
    shuffled = generator.permuted(np.tile(ys, (_DRAWS, 1)), axis=1)
    as_far = (np.abs(_spearman(np.broadcast_to(xs, shuffled.shape), shuffled)) >= abs(rho) - 1e-12).sum()
    drawn = generator.integers(n, size=(_DRAWS, n))
    low, high = np.nanquantile(_spearman(xs[drawn], ys[drawn]), [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return RankCorrelation(float(rho), float((as_far + 1) / (_DRAWS + 1)), float(low), float(high), n)


def _spearman(xs: Float64Array, ys: Float64Array) -> Float64Array:
    """ρ of each row of M×N pairs; NaN where one side is all equal."""
    from scipy.stats import rankdata

    a, b = (ranks - ranks.mean(1, keepdims=True) for ranks in (rankdata(xs, axis=1), rankdata(ys, axis=1)))
    lengths = np.sqrt((a**2).sum(1) * (b**2).sum(1))
    found: Float64Array = np.divide((a * b).sum(1), lengths, out=np.full(len(a), np.nan), where=lengths > 0)
    return found
