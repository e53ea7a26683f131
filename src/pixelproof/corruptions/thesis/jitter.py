"""Jitter: every pixel comes from a place near by, drawn for each alone.

As fastai 1's ``jitter``: from where it lies plus an offset drawn evenly from −magnitude to magnitude of half the
image's width, and of half its height; bilinear between pixels, the image reflected at its borders.
"""

import torch
from torch import Tensor

from pixelproof.corruptions.corruption import Corruption
from pixelproof.corruptions.warp import places, resampled
from pixelproof.errors import InputError
from pixelproof.image_draws import BITS, draws

_HALF = BITS // 2  # of a draw's bits: one draw serves both directions


class Jitter(Corruption):
    """The same offsets, and the opposite ones for a negative magnitude; it grows with the image's size in pixels."""

    name = "jitter"
    unit = "magnitude"
    ends = (0.25,)

    def check(self, strength: float) -> None:
        if not -1 <= strength <= 1:
            raise InputError(f"jitter: a magnitude of −1 to 1 was expected, not {strength:g}; 0.05 is usual.")

    def _changed(self, images: Tensor, strength: float, seed: int) -> Tensor:
        count, _, height, width = images.shape
        drawn = draws(images, height * width, seed).view(count, height, width)
        halves = torch.stack([drawn & (2**_HALF - 1), drawn >> (BITS - _HALF)], 3)
        # From −magnitude to magnitude, in halves of the image's sides.
        offsets = halves.float().mul_(strength * 2.0 ** (1 - _HALF)).sub_(strength)
        return resampled(images, offsets.add_(places(images)))
