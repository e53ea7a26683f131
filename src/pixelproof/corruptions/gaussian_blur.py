"""Gaussian blur.

Hendrycks & Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations", ICLR 2019.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from pixelproof.corruptions.filtering import gaussian_filter
from pixelproof.corruptions.severity import Rows, SeverityCorruption, Table


@dataclass(frozen=True)
class GaussianBlur(SeverityCorruption):
    """Averages each pixel with those around it. Constant: the standard deviation of the Gaussian in pixels."""

    name: ClassVar[str] = "gaussian-blur"
    still: ClassVar[tuple[float, ...]] = (0.0,)
    tables: ClassVar[dict[Table, Rows]] = {
        "imagenet": ((1.0,), (2.0,), (3.0,), (4.0,), (6.0,)),
        "cifar": ((0.4,), (0.6,), (0.7,), (0.8,), (1.0,)),
    }

    def _changed(self, images: Tensor, strength: float, seed: int) -> Tensor:
        (sigma,) = self.constants(strength)
        return gaussian_filter(images, sigma)
