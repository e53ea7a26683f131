"""Contrast: light conditions and the colour of the object; values drawn towards their mean.

Hendrycks & Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations", ICLR 2019.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from pixelproof.corruptions.severity import Rows, SeverityCorruption, Table


@dataclass(frozen=True)
class ContrastShift(SeverityCorruption):
    """Keeps a share of every value's distance to the mean of its channel in the image."""

    name: ClassVar[str] = "contrast"
    still: ClassVar[tuple[float, ...]] = (1.0,)
    tables: ClassVar[dict[Table, Rows]] = {
        "imagenet": ((0.4,), (0.3,), (0.2,), (0.1,), (0.05,)),
        "cifar": ((0.75,), (0.5,), (0.4,), (0.3,), (0.15,)),
    }

    def _changed(self, images: Tensor, strength: float, seed: int) -> Tensor:
        (kept,) = self.constants(strength)
        return torch.lerp(images.mean((2, 3), keepdim=True), images, kept)
