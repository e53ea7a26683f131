"""JPEG compression: what a lossy format leaves of an image.

Hendrycks & Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations", ICLR 2019.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from pixelproof.corruptions.severity import Rows, SeverityCorruption, Table
from pixelproof.defences.jpeg import Jpeg


@dataclass(frozen=True)
class JpegCompression(SeverityCorruption):
    """Through Pillow's JPEG and back, at a quality that falls in whole steps, from 100 at severity 0."""

    name: ClassVar[str] = "jpeg-compression"
    still: ClassVar[tuple[float, ...]] = (100.0,)
    tables: ClassVar[dict[Table, Rows]] = {
        "imagenet": ((25.0,), (18.0,), (15.0,), (10.0,), (7.0,)),
        "cifar": ((80.0,), (65.0,), (58.0,), (50.0,), (40.0,)),
    }

    def _changed(self, images: Tensor, strength: float, seed: int) -> Tensor:
        (quality,) = self.constants(strength)
        return Jpeg(round(quality))(images)
