"""Contrast in logit space: away from the middle grey, or towards it.

As fastai 1's ``contrast``: sigmoid(scale · logit(x)).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import ClassVar

from torch import Tensor

from pixelproof.corruptions.corruption import Corruption
from pixelproof.corruptions.thesis.brightness import NEAREST
from pixelproof.errors import InputError


@dataclass(frozen=True)
class LogitContrast(Corruption):
    """A scale of 0 is grey all over, of 1 no change, above 1 a harder contrast."""

    name: ClassVar[str] = "logit-contrast"
    unit: ClassVar[str] = "scale"
    none: ClassVar[float] = 1.0
    ends: ClassVar[tuple[float, ...]] = (0, 10)

    def check(self, strength: float) -> None:
        if not 0 <= strength < inf:
            raise InputError(f"logit-contrast: a scale of at least 0 was expected, not {strength:g}; 1 is none.")

    def _changed(self, images: Tensor, strength: float, seed: int) -> Tensor:
        return images.logit(NEAREST).mul_(strength).sigmoid_()
