"""Random numbers in plenty, for noise on every value and for whole fields: three from each draw of ``image_draws``."""

from __future__ import annotations

import torch
from torch import Tensor

from pixelproof.image_draws import draws, quantiles

BITS = 16  # of randomness in a number


def whole_numbers(images: Tensor, count: int, seed: int) -> Tensor:
    """From 0 to below 2¹⁶, ``count`` for each of ``images`` N×C×H×W: int32 N×``count``."""
    drawn = draws(images, -(-count // 3), seed)
    parts = drawn.view(torch.uint16).view(*drawn.shape, 4)  # the last holds 5 bits
    return parts[..., :3].int().flatten(1)[:, :count]


def uniform_numbers(images: Tensor, count: int, seed: int) -> Tensor:
    """Evenly spread numbers between -1 and 1 for ``images`` N×C×H×W, float32 N×``count``."""
    return whole_numbers(images, count, seed).float().add_(0.5).mul_(2 / 2**BITS).sub_(1)


def normal_numbers(images: Tensor, count: int, seed: int) -> Tensor:
    """Standard normal numbers, of 65,536 equally likely quantiles, for ``images`` N×C×H×W: float32 N×``count``."""
    return looked_up(quantiles(images.device), whole_numbers(images, count, seed))


def value_draws(images: Tensor, seed: int) -> Tensor:
    """A whole number from 0 to below 2¹⁶ for each value of ``images`` N×C×H×W: int32 of their shape."""
    return whole_numbers(images, images[0].numel(), seed).reshape(images.shape)


def normal_values(images: Tensor, seed: int) -> Tensor:
    """A standard normal number for each value of ``images``: their shape."""
    return normal_numbers(images, images[0].numel(), seed).reshape(images.shape)


def looked_up(table: Tensor, places: Tensor) -> Tensor:
    """``table[places]``, several times faster."""
    return table.index_select(0, places.flatten()).view(places.shape)
