"""Points spread evenly in a ball of L1, L2 or L∞.

Barthe, Guédon, Mendelson & Naor, "A probabilistic approach to the geometry of the ℓᵖₙ-ball", Annals of Probability,
2005, theorem 1: with coordinates g of density ∝ exp(−|t|ᵖ) and an exponential Z, g / (‖g‖ₚᵖ + Z)^(1/p) is uniform.
"""

from __future__ import annotations

from torch import Tensor

from pixelproof.attacks.norm_ball import Norm
from pixelproof.seeds import Streams

_LARGEST = 1 - 2.0**-24  # the largest float32 below 1


def ball_points(streams: Streams, count: int, size: int, norm: Norm) -> Tensor:
    """``count`` points of dimension ``size`` for each stream, float32 samples×count×size, in the ball of radius 1."""
    if norm == "linf":
        return 2 * streams.uniform(count, size) - 1
    if norm == "l2":
        g = streams.normal(count, size)  # of density ∝ exp(−t²/2), so Z counts twice
        return g / (g.square().sum(2, keepdim=True) + 2 * _exponential(streams, count)).sqrt()
    g = _laplace(2 * streams.uniform(count, size) - 1)
    return g / (g.abs().sum(2, keepdim=True) + _exponential(streams, count))


def _exponential(streams: Streams, count: int) -> Tensor:
    return -(-streams.uniform(count, 1)).log1p()


def _laplace(uniform: Tensor) -> Tensor:
    """Numbers of density ∝ exp(−|t|) from such in [−1, 1)."""
    return uniform.sign() * -(-uniform.abs().clamp(max=_LARGEST)).log1p()
