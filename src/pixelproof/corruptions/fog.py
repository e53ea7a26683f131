"""Fog: a cloud over the image.

Hendrycks & Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations", ICLR 2019.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from pixelproof.corruptions.plasma_fractal import plasma_fractal
from pixelproof.corruptions.severity import Rows, SeverityCorruption, Table


@dataclass(frozen=True)
class Fog(SeverityCorruption):
    """Adds a grey plasma fractal, ever thicker and rougher, then scales back to the image's largest value."""

    name: ClassVar[str] = "fog"
    still: ClassVar[tuple[float, ...]] = (0.0, 3.0)
    tables: ClassVar[dict[Table, Rows]] = {
        "imagenet": ((1.5, 2.0), (2.0, 2.0), (2.5, 1.7), (2.5, 1.5), (3.0, 1.4)),
        "cifar": ((0.2, 3.0), (0.5, 3.0), (0.75, 2.5), (1.0, 2.0), (1.5, 1.75)),
    }

    def _changed(self, images: Tensor, strength: float, seed: int) -> Tensor:
        thickness, decay = self.constants(strength)
        largest = images.amax((1, 2, 3), keepdim=True)
        fogged = images + plasma_fractal(images, decay, seed).mul_(thickness)
        return fogged.mul_(largest / (largest + thickness))
