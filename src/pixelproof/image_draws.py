"""Random numbers that follow from an image: the same for the same 8-bit image, unrelated for any other."""

from functools import lru_cache

import torch
from torch import Tensor

from pixelproof.units import grey_levels

BITS = 53  # of randomness in a draw
NUMBER_BITS = 16  # of randomness in a number, of which a draw gives three

_GAMMA = 0x9E3779B97F4A7C15 - 2**64  # int64 arithmetic wraps around, as the unsigned one it stands for does
_FIRST = 0xBF58476D1CE4E5B9 - 2**64
_SECOND = 0x94D049BB133111EB - 2**64


def draws(images: Tensor, count: int, seed: int) -> Tensor:
    """Whole numbers from 0 to below 2⁵³, N×``count``, for ``images`` N×C×H×W in [0, 1].

    They are a function of ``seed`` and of the image rounded to 8 bits: the same in any batch, at any place in it and
    on any device, and independent for images that differ, be it by one grey level of one value.
    """
    levels = grey_levels(images.detach()).to(torch.int64).flatten(1)
    odd = _mixed(_places(levels.shape[1], images.device)) | 1  # times a difference below 256 never 0 modulo 2⁶⁴
    state = _mixed((levels * odd).sum(1, keepdim=True) + seed)
    return _shifted(_mixed(state + _places(count, images.device)), 64 - BITS)


def normal_draws(images: Tensor, count: int, seed: int) -> Tensor:
    """Standard normal numbers, float32 N×``count``, from ``draws``.

    Each is one of 65,536 equally likely quantiles, none beyond 4.33: looked up, not computed, so that bits are the same
    on any device.
    """
    return quantiles(images.device)[draws(images, count, seed) >> (BITS - NUMBER_BITS)]


def whole_numbers(images: Tensor, count: int, seed: int) -> Tensor:
    """From 0 to below 2¹⁶, ``count`` for each of ``images`` N×C×H×W: int32 N×``count``."""
    drawn = draws(images, -(-count // 3), seed)
    parts = drawn.view(torch.uint16).view(*drawn.shape, 4)  # the last holds 5 bits
    return parts[..., :3].int().flatten(1)[:, :count]


def uniform_numbers(images: Tensor, count: int, seed: int) -> Tensor:
    """Evenly spread numbers between -1 and 1 for ``images`` N×C×H×W, float32 N×``count``."""
    return whole_numbers(images, count, seed).float().add_(0.5).mul_(2 / 2**NUMBER_BITS).sub_(1)


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


def _places(count: int, device: torch.device) -> Tensor:
    return torch.arange(1, count + 1, device=device) * _GAMMA


@lru_cache
def quantiles(device: torch.device) -> Tensor:
    """65,536 equally likely quantiles of the standard normal distribution, float32, from the least."""
    count = 2**NUMBER_BITS
    middles = (torch.arange(count, dtype=torch.float64) + 0.5) / count
    found: Tensor = torch.special.ndtri(middles)
    return found.float().to(device)


def _mixed(state: Tensor) -> Tensor:
    """What SplitMix64 (Steele, Lea & Flood 2014) puts out in each ``state``, int64."""
    state = (state ^ _shifted(state, 30)) * _FIRST
    state = (state ^ _shifted(state, 27)) * _SECOND
    return state ^ _shifted(state, 31)


def _shifted(state: Tensor, bits: int) -> Tensor:
    """``state`` shifted right, zeros coming in; ``>>`` brings in the sign."""
    return torch.bitwise_and(state >> bits, 2 ** (64 - bits) - 1)
