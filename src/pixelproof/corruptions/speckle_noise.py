"""Speckle noise: each value is disturbed in proportion to itself.

Hendrycks & Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations", ICLR 2019.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from pixelproof.corruptions.severity import Rows, SeverityCorruption, Table
from pixelproof.image_draws import normal_values


@dataclass(frozen=True)
class SpeckleNoise(SeverityCorruption):
    """Multiplies every value by 1 and normal noise. Constant: the standard deviation of that."""

    name: ClassVar[str] = "speckle-noise"
    still: ClassVar[tuple[float, ...]] = (0.0,)
    tables: ClassVar[dict[Table, Rows]] = {
        "imagenet": ((0.15,), (0.2,), (0.35,), (0.45,), (0.6,)),
        "cifar": ((0.06,), (0.1,), (0.12,), (0.16,), (0.2,)),
    }

    def _changed(self, images: Tensor, strength: float, seed: int) -> Tensor:
        (sigma,) = self.constants(strength)
        return normal_values(images, seed).mul_(sigma).add_(1).mul_(images)
