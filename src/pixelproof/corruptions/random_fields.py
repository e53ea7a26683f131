"""Random numbers for whole fields, drawn for each image, three from each draw."""

from __future__ import annotations

import torch
from torch import Tensor

from pixelproof.corruptions.noise_draws import BITS, looked_up
from pixelproof.image_draws import _quantiles, draws


def uniform_numbers(images: Tensor, count: int, seed: int) -> Tensor:
    """Evenly spread numbers between -1 and 1 for ``images`` N×C×H×W, float32 N×``count``."""
    return _whole_numbers(images, count, seed).float().add_(0.5).mul_(2 / 2**BITS).sub_(1)


def normal_numbers(images: Tensor, count: int, seed: int) -> Tensor:
    """Standard normal numbers, of 65,536 equally likely quantiles, for ``images`` N×C×H×W: float32 N×``count``."""
    return looked_up(_quantiles(images.device), _whole_numbers(images, count, seed))


def _whole_numbers(images: Tensor, count: int, seed: int) -> Tensor:
    """From 0 to below 2¹⁶, int32 N×``count``."""
    drawn = draws(images, -(-count // 3), seed)
    parts = drawn.view(torch.uint16).view(*drawn.shape, 4)  # the last holds 5 bits
    return parts[..., :3].int().flatten(1)[:, :count]
