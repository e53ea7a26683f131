"""Which values of an image are kept: drawn at random, yet always the same for the same 8-bit image."""

from __future__ import annotations

import torch
from torch import Tensor

_GAMMA = 0x9E3779B97F4A7C15 - 2**64  # int64 arithmetic wraps around, as the unsigned one it stands for does
_FIRST = 0xBF58476D1CE4E5B9 - 2**64
_SECOND = 0x94D049BB133111EB - 2**64
_BITS = 53  # of randomness in a draw: probabilities are multiples of 2⁻⁵³


def kept_values(images: Tensor, probability: float, seed: int) -> Tensor:
    """A mask of bools, in the shape of ``images`` N×C×H×W in [0, 1], True with ``probability`` in 0 to 1 each.

    The draws are a function of ``seed`` and of the image rounded to 8 bits: the same in any batch, at any place in it
    and on any device, and independent for images that differ, be it by one grey level of one value.
    """
    levels = images.mul(255).round().to(torch.int64).flatten(1)
    count = torch.arange(1, levels.shape[1] + 1, device=images.device)
    odd = _mixed(count * _GAMMA) | 1  # times a difference of less than 256 never 0 modulo 2⁶⁴
    state = _mixed((levels * odd).sum(1, keepdim=True) + seed)
    draws = _mixed(state + count * _GAMMA)
    return torch.lt(_shifted(draws, 64 - _BITS), round(probability * 2**_BITS)).view(images.shape)


def _mixed(state: Tensor) -> Tensor:
    """What SplitMix64 (Steele, Lea & Flood 2014) puts out in each ``state``, int64."""
    state = (state ^ _shifted(state, 30)) * _FIRST
    state = (state ^ _shifted(state, 27)) * _SECOND
    return state ^ _shifted(state, 31)


def _shifted(state: Tensor, bits: int) -> Tensor:
    """``state`` shifted right, zeros coming in; ``>>`` brings in the sign."""
    return torch.bitwise_and(state >> bits, 2 ** (64 - bits) - 1)
