"""Hidden pixels filled from the pixels around them, ring after ring, so that nothing of what they held is left."""

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
    down, across = _window(hidden.any(2)), _window(hidden.any(1))
    number = torch.arange(len(images), device=images.device)[:, None, None]
    where = number, down[:, :, None], across[:, None, :]
    inside = _fill_rings(images.permute(0, 2, 3, 1)[where].permute(0, 3, 1, 2), hidden[where])
    return images.permute(0, 2, 3, 1).index_put(where, inside.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def _window(hidden: Tensor) -> Tensor:
    """Of ``hidden`` N×L, lines with hidden pixels in them, windows N×l of lines that hold these and their neighbours.

    One length for all, as short as will do: the rest of an image has no part in what is filled.
    """
    length = hidden.shape[1]
    lines = torch.arange(length, device=hidden.device).expand_as(hidden)
    first = torch.where(hidden, lines, length).amin(1) - 1
    last = torch.where(hidden, lines, -1).amax(1) + 1
    size = min(max(int((last - first).max()) + 1, 1), length)
    return first.clamp(0, length - size)[:, None] + lines[0, :size]


def _fill_rings(images: Tensor, hidden: Tensor) -> Tensor:
    """``fill`` over whole images."""
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
