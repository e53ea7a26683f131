"""Clouds by the diamond-square algorithm.

Fournier, Fussell & Carpenter, "Computer Rendering of Stochastic Models", Communications of the ACM 25(6), 1982. The
grid is a torus and doubles in every round: centres of squares first, then the middles of their sides, each the mean of
its four neighbours and a random number.
"""

import torch
from torch import Tensor

from pixelproof.image_draws import uniform_numbers


def plasma_fractal(images: Tensor, decay: float, seed: int) -> Tensor:
    """One map for each of ``images`` N×C×H×W: N×1×H×W, cut from a square map with values from 0 to 1.

    The random numbers are ``decay``² times smaller from one round to the next.
    """
    height, width = images.shape[2:]
    rounds = (max(height, width) - 1).bit_length()
    numbers = uniform_numbers(images, 4**rounds - 1, seed)
    grid = numbers.new_zeros(len(images), 1, 1)
    for k in range(rounds):
        wobble = numbers[:, 4**k - 1 : 4 ** (k + 1) - 1].view(-1, 3, 2**k, 2**k) * decay ** (-2 * k)
        grid = _doubled(grid, *wobble.unbind(1))
    low = grid.amin((1, 2), keepdim=True)
    high = grid.amax((1, 2), keepdim=True)
    return ((grid - low) / (high - low))[:, None, :height, :width]


def _doubled(corners: Tensor, of_centres: Tensor, of_tops: Tensor, of_sides: Tensor) -> Tensor:
    """``corners`` N×K×K with the points between them, N×2K×2K; the others are random numbers for these, N×K×K."""
    across = corners + corners.roll(-1, 2)
    centres = (across + across.roll(-1, 1)).div_(4).add_(of_centres)
    tops = (across + centres + centres.roll(1, 1)).div_(4).add_(of_tops)
    sides = (corners + corners.roll(-1, 1) + centres + centres.roll(1, 2)).div_(4).add_(of_sides)
    rows = torch.stack((torch.stack((corners, tops), -1), torch.stack((sides, centres), -1)), 2)
    return rows.view(len(corners), 2 * corners.shape[1], 2 * corners.shape[2])
