"""Random numbers in plenty, for noise on every value: three from each that ``image_draws`` makes."""

from __future__ import annotations

import torch
from torch import Tensor

from pixelproof.image_draws import _quantiles, draws

BITS = 16  # of randomness in a number


def value_draws(images: Tensor, seed: int) -> Tensor:
    """A whole number from 0 to below 2¹⁶ for each value of ``images`` N×C×H×W: int32 of their shape."""
    count = images[0].numel()
    numbers = draws(images, -(-count // 3), seed).view(torch.uint16).view(len(images), -1, 4)  # the last holds 5 bits
    return numbers[..., :3].int().flatten(1)[:, :count].reshape(images.shape)


def normal_values(images: Tensor, seed: int) -> Tensor:
    """A standard normal number, one of 65,536 equally likely quantiles, for each value of ``images``: their shape."""
    return looked_up(_quantiles(images.device), value_draws(images, seed))


def looked_up(table: Tensor, places: Tensor) -> Tensor:
    """``table[places]``, several times faster."""
    return table.index_select(0, places.flatten()).view(places.shape)
