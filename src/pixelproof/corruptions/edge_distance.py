"""Edges of grey images, and how far every pixel is from the next one."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

_SHALLOW = 0.41421356  # tan 22.5°: a gradient less steep than this counts as level
_STEEP = 2.41421356


def canny_edges(levels: Tensor, low: float, high: float) -> Tensor:
    """Where ``levels`` N×1×H×W, whole numbers, have an edge (Canny 1986): N×1×H×W, true or false.

    Gradients are Sobel's, their size |x| + |y|. An edge is a ridge of them above ``low`` that is connected to one above
    ``high``, over corners too.
    """
    x, y = _sobel(pad(levels, (1, 1, 1, 1), "replicate"))
    size = x.abs() + y.abs()
    ridge = _is_ridge(size, x, y) & (size > low)
    edges = ridge & (size > high)
    while True:
        grown = ridge & _beside(edges)
        if torch.equal(grown, edges):
            return edges
        edges = grown


def distance_to(marked: Tensor, most: int) -> Tensor:
    """The distance in pixels of each pixel to the next that is ``marked`` N×1×H×W, up to ``most``, float32."""
    down = torch.where(marked, 0.0, float(most))
    step = 1
    while step < min(most, marked.shape[2]):  # after steps of 1, 2, 4 … every distance below twice the last is found
        nearer = down.clone()
        torch.minimum(nearer[:, :, step:], down[:, :, :-step] + step, out=nearer[:, :, step:])
        torch.minimum(nearer[:, :, :-step], down[:, :, step:] + step, out=nearer[:, :, :-step])
        down, step = nearer, 2 * step
    squares = down.square_()
    least = squares.clone()
    for across in range(1, min(most, marked.shape[3])):
        moved = squares + across**2
        torch.minimum(least[..., across:], moved[..., :-across], out=least[..., across:])
        torch.minimum(least[..., :-across], moved[..., across:], out=least[..., :-across])
    return least.sqrt_()


def _sobel(padded: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients to the right and downwards of what was ``padded`` by one pixel."""
    across = padded[..., 2:] - padded[..., :-2]
    x = across[..., :-2, :] + 2 * across[..., 1:-1, :] + across[..., 2:, :]
    along = padded[..., 2:, :] - padded[..., :-2, :]
    y = along[..., :-2] + 2 * along[..., 1:-1] + along[..., 2:]
    return x, y


def _is_ridge(size: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Where ``size`` is above that of the pixel before in the gradient's direction and not below the one behind."""
    height, width = size.shape[2:]
    around = pad(size, (1, 1, 1, 1))

    def at(down: int, right: int) -> Tensor:
        return around[..., 1 + down : 1 + down + height, 1 + right : 1 + right + width]

    level = (size > at(0, -1)) & (size >= at(0, 1))
    upright = (size > at(-1, 0)) & (size >= at(1, 0))
    falling = (size > at(-1, -1)) & (size > at(1, 1))
    rising = (size > at(-1, 1)) & (size > at(1, -1))
    across, along = x.abs(), y.abs()
    slanted = torch.where((x < 0) ^ (y < 0), rising, falling)
    return torch.where(along < _SHALLOW * across, level, torch.where(along > _STEEP * across, upright, slanted))


def _beside(marked: Tensor) -> Tensor:
    """Where a pixel or one of its eight neighbours is ``marked``."""
    wide = marked.clone()
    wide[..., 1:] |= marked[..., :-1]
    wide[..., :-1] |= marked[..., 1:]
    high = wide.clone()
    high[..., 1:, :] |= wide[..., :-1, :]
    high[..., :-1, :] |= wide[..., 1:, :]
    return high
