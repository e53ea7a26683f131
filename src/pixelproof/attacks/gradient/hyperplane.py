"""The nearest point of a hyperplane inside the box [0, 1], in L∞, L2 and L1.

Croce & Hein, "Minimally distorted adversarial examples with a fast adaptive boundary attack", ICML 2020 (section 2.2
and appendix A): minimise ‖δ‖ₚ subject to ⟨w, x + δ⟩ = b and 0 ≤ x + δ ≤ 1.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pixelproof.attacks.norm_ball import Norm


def to_hyperplane(images: Tensor, normal: Tensor, gap: Tensor, norm: Norm) -> Tensor:
    """The shortest changes n×D of ``images`` n×D in [0, 1] that add ``gap`` (n values, any sign) to ⟨normal, image⟩.

    Where the box does not let the images come that far, the changes that bring them nearest to it.
    """
    heading = normal.sign() * gap.sign()[:, None]
    room = torch.where(heading > 0, 1 - images, images)  # how far a value may go the way that helps
    weight, goal = normal.abs(), gap.abs()
    if norm == "l1":
        length = _largest_first(weight, room, goal)
    elif norm == "linf":
        length = room.minimum(_level(weight, room, goal))
    else:
        # Of length λ·|wᵢ| each, up to the room: w·δ gains wᵢ²·min(λ, roomᵢ/|wᵢ|).
        length = room.minimum(_level(weight.square(), room / weight.clamp(min=1e-20), goal) * weight)
    return heading * length


def _level(weight: Tensor, limit: Tensor, goal: Tensor) -> Tensor:
    """The λ, n×1, at which Σᵢ weightᵢ·min(λ, limitᵢ) reaches ``goal``, or the largest limit where it never does.

    The sum is concave and straight between limits, so that its value at every limit comes from running sums.
    """
    limits, order = limit.sort(1)
    weights = weight.gather(1, order)
    tail = weights.flip(1).cumsum(1).flip(1)  # the slope before each limit
    filled = weights * limits
    below = filled.cumsum(1) - filled
    k = torch.searchsorted(below + limits * tail, goal[:, None]).clamp(max=limit.shape[1] - 1)
    level = (goal[:, None] - below.gather(1, k)) / tail.gather(1, k).clamp(min=1e-20)
    return level.clamp(min=0).minimum(limits.gather(1, k))


def _largest_first(weight: Tensor, room: Tensor, goal: Tensor) -> Tensor:
    """Lengths n×D that go as far as they may where the weight is largest, until they sum to ``goal``."""
    weights, order = weight.sort(1, descending=True)
    full = weights * room.gather(1, order)
    missing = goal[:, None] - (full.cumsum(1) - full)
    lengths = (missing / weights.clamp(min=1e-20)).clamp(min=0).minimum(room.gather(1, order))
    return torch.zeros_like(weight).scatter(1, order, lengths)
