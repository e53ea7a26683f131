"""Zonotopes: sets of activations centre + Σ symbols · ε + fresh · ε', every ε in [−1, 1], and what ReLU does to them.

After Singh, Gehr, Mirman, Püschel & Vechev ("Fast and effective robustness certification", 2018): ReLU becomes the band
of least area, and the width of every band is a symbol of its own, which later layers may cancel.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Zonotope:
    """B sets of activations, as differences from the clean image's or as they are.

    centre: B×…; symbols: B×S×…, where symbol s is the same number in all entries of a set. fresh: B×… or None; one
    more symbol for every entry, which no other entry has.
    """

    centre: Tensor
    symbols: Tensor
    fresh: Tensor | None = None

    def radius(self) -> Tensor:
        """How far each entry may be from the centre: B×…"""
        radius = self.symbols.abs().sum(1)
        return radius if self.fresh is None else radius + self.fresh


def slopes(low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """λ and δ such that relu(v) is within λ·v + δ ± δ for all v from ``low`` to ``high``; all of one shape.

    Exact where the sign is certain. Else the line from (l, 0) to (u, u) has slope λ = u / (u − l) and is −λl above
    zero, so that δ is half of that.
    """
    unstable = (low < 0) & (high > 0)
    slope = torch.where(unstable, high / (high - low), (low >= 0).to(low.dtype))
    return slope, torch.where(unstable, -0.5 * slope * low, 0.0)


def rectified(values: Zonotope, slope: Tensor, shift: Tensor) -> Zonotope:
    """ReLU of ``values`` as they are (no differences), with λ and δ from ``slopes``."""
    fresh = shift if values.fresh is None else slope * values.fresh + shift
    return Zonotope(slope * values.centre + shift, values.symbols * slope[:, None], fresh)


def larger(one: Zonotope, other: Zonotope) -> Zonotope:
    """The larger entries of two sets over the same symbols: ``one`` + relu(``other`` − ``one``)."""
    difference = other.symbols - one.symbols
    radius = difference.abs().sum(1)
    for each in (one, other):
        radius = radius if each.fresh is None else radius + each.fresh
    middle = other.centre - one.centre
    slope, shift = slopes(middle - radius, middle + radius)
    fresh = shift
    if one.fresh is not None:
        fresh = fresh + (1 - slope) * one.fresh
    if other.fresh is not None:
        fresh = fresh + slope * other.fresh
    # Weighted, no difference added: beyond the picture's edge values are so low that a difference drowns the other.
    centre = (1 - slope) * one.centre + slope * other.centre + shift
    return Zonotope(centre, one.symbols + slope[:, None] * difference, fresh)


def listed(fresh: Tensor) -> tuple[Tensor, Tensor]:
    """Values and places of the positive entries of ``fresh`` B×N, each B×U with U the most in a row; zeros fill up."""
    most = int((fresh > 0).sum(1).max()) if fresh.numel() else 0
    values, places = fresh.topk(most, dim=1)
    return values, places


def spread(fresh: Tensor) -> Tensor:
    """The fresh symbols B×… as symbols: B×U×…, one entry each."""
    values, places = listed(fresh.flatten(1))
    rows = fresh.new_zeros(*values.shape, fresh[0].numel())
    rows.scatter_(2, places[:, :, None], values[:, :, None])
    return rows.view(*values.shape, *fresh.shape[1:])
