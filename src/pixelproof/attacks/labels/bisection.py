"""The way from an image that fools to the clean one, up to where it ceases to fool."""

from math import ceil, log2

import torch
from torch import Tensor

from pixelproof.attacks.nearest import Nearest


def steps(tolerance: float) -> int:
    """How many queries of a sample ``bisect`` takes."""
    return ceil(log2(1 / tolerance))


def bisect(nearest: Nearest, images: Tensor, rows: Tensor, tolerance: float) -> Tensor:
    """Images that fool, and cease to a share ``tolerance`` of the way nearer, between the clean ones and ``images``.

    The way is the straight line in L2, and a box that shrinks in L∞ (Chen, Jordan & Wainwright, 2020, algorithm 1).
    """
    clean = nearest.clean[rows]
    low, high = torch.zeros(len(rows), device=images.device), torch.ones(len(rows), device=images.device)
    for _ in range(steps(tolerance)):
        middle = (low + high) / 2
        fooling = nearest.fools(_on_the_way(nearest.norm, clean, images, middle), rows)
        low, high = torch.where(fooling, low, middle), torch.where(fooling, middle, high)
    return _on_the_way(nearest.norm, clean, images, high)


def _on_the_way(norm: str, clean: Tensor, images: Tensor, share: Tensor) -> Tensor:
    change = images - clean
    share = share[:, None, None, None]
    if norm == "l2":
        return clean + share * change
    side = share * change.abs().amax((1, 2, 3), keepdim=True)
    return clean + change.clamp(-side, side)
