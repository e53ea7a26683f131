"""Hidden pixels filled from the pixels around them, ring after ring, so that nothing of what they held is left."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

#: What a pixel is where the whole image is hidden.
GREY = 0.5


def fill(images: Tensor, hidden: Tensor) -> Tensor:
    """``images``, float32 N×C×H×W in [0, 1], with the pixels where ``hidden``, N×H×W bools, holds made anew.

    Diffusion from the rim inwards: a hidden pixel that touches known ones, by a side or a corner, becomes their mean;
    with these known, the next ring follows. The hidden pixels are cleared before anything is computed, so the result is
    the same bit for bit whatever they held; the others stay as they are. Linear in the known pixels, so gradients flow
    to them.
    """
    known = ~hidden[:, None]
    values = torch.where(known, images, 0.0)
    while not bool(known.all()):
        touching = _with_neighbours(known.to(images.dtype))
        ring = ~known & (touching > 0)
        if not bool(ring.any()):
            return torch.where(known, values, GREY)
        values = torch.where(ring, _with_neighbours(values) / touching.clamp(min=1), values)
        known = known | ring
    return values


def _with_neighbours(values: Tensor) -> Tensor:
    """The sum of each of ``values`` N×C×H×W and of its up to eight neighbours."""
    around = F.pad(values, (1, 1, 1, 1))
    rows = around[:, :, :-2] + around[:, :, 1:-1] + around[:, :, 2:]
    return rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]
