"""Gaussian noise: that of a sensor in poor light.

Hendrycks & Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations", ICLR 2019.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from pixelproof.corruptions.severity import Rows, SeverityCorruption, Table
from pixelproof.image_draws import normal_values


@dataclass(frozen=True)
class GaussianNoise(SeverityCorruption):
    """Adds normal noise to every value. Constant: its standard deviation, of 1 for white."""

    name: ClassVar[str] = "gaussian-noise"
    still: ClassVar[tuple[float, ...]] = (0.0,)
    tables: ClassVar[dict[Table, Rows]] = {
        "imagenet": ((0.08,), (0.12,), (0.18,), (0.26,), (0.38,)),
        "cifar": ((0.04,), (0.06,), (0.08,), (0.09,), (0.10,)),
    }

    def _changed(self, images: Tensor, strength: float, seed: int) -> Tensor:
        (sigma,) = self.constants(strength)
        return normal_values(images, seed).mul_(sigma).add_(images)
