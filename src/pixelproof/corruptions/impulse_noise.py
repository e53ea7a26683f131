"""Impulse noise, salt and pepper: values lost to black or white, as by errors in single bits.

Hendrycks & Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations", ICLR 2019.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from pixelproof.corruptions.severity import Rows, SeverityCorruption, Table
from pixelproof.image_draws import NUMBER_BITS, value_draws


@dataclass(frozen=True)
class ImpulseNoise(SeverityCorruption):
    """Puts 0 or 1, equally likely, in the place of some values. Constant: the share of them."""

    name: ClassVar[str] = "impulse-noise"
    still: ClassVar[tuple[float, ...]] = (0.0,)
    tables: ClassVar[dict[Table, Rows]] = {
        "imagenet": ((0.03,), (0.06,), (0.09,), (0.17,), (0.27,)),
        "cifar": ((0.01,), (0.02,), (0.03,), (0.05,), (0.07,)),
    }

    def _changed(self, images: Tensor, strength: float, seed: int) -> Tensor:
        (share,) = self.constants(strength)
        numbers = value_draws(images, seed)
        # The last bit says which, the others whether: what is lost at one severity is lost alike at a higher one.
        return images.where(numbers >= share * 2**NUMBER_BITS, (numbers & 1).float())
