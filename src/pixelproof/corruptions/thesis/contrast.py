"""Contrast in logit space: away from the middle grey, or towards it.

As fastai 1's ``contrast``: sigmoid(scale · logit(x)).
"""

from math import inf

from torch import Tensor

from pixelproof.corruptions.corruption import Corruption
from pixelproof.corruptions.thesis.brightness import NEAREST
from pixelproof.errors import InputError


class LogitContrast(Corruption):
    """A scale of 0 is grey all over, of 1 no change, above 1 a harder contrast."""

    name = "logit-contrast"
    unit = "scale"
    none = 1.0
    ends = (0, 10)

    def check(self, strength: float) -> None:
        if not 0 <= strength < inf:
            raise InputError(f"logit-contrast: a scale of at least 0 was expected, not {strength:g}; 1 is none.")

    def _changed(self, images: Tensor, strength: float, seed: int) -> Tensor:
        return images.logit(NEAREST).mul_(strength).sigmoid_()
