"""Brightness: daylight that changes; a constant added to the value of every pixel in HSV.

Hendrycks & Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations", ICLR 2019.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from pixelproof.corruptions.severity import Rows, SeverityCorruption, Table


@dataclass(frozen=True)
class BrightnessShift(SeverityCorruption):
    """Adds to V, the largest of a pixel's values, up to 1; hue and saturation stay, so black turns grey.

    With both kept, RGB is proportional to V: no colour is converted.
    """

    name: ClassVar[str] = "brightness"
    still: ClassVar[tuple[float, ...]] = (0.0,)
    tables: ClassVar[dict[Table, Rows]] = {
        "imagenet": ((0.1,), (0.2,), (0.3,), (0.4,), (0.5,)),
        "cifar": ((0.05,), (0.1,), (0.15,), (0.2,), (0.3,)),
    }

    def _changed(self, images: Tensor, strength: float, seed: int) -> Tensor:
        (shift,) = self.constants(strength)
        value = images.amax(1, keepdim=True)
        brighter = (value + shift).clamp_(max=1)
        return torch.where(value > 0, images * (brighter / value), brighter)
