"""Speckle noise: each value is disturbed in proportion to itself."""

from torch import Tensor

from pixelproof.corruptions.severity import SeverityCorruption
from pixelproof.image_draws import normal_values


class SpeckleNoise(SeverityCorruption):
    """Multiplies every value by 1 and normal noise. Constant: the standard deviation of that."""

    name = "speckle-noise"

    def _changed(self, images: Tensor, strength: float, seed: int) -> Tensor:
        (sigma,) = self.constants(strength)
        return normal_values(images, seed).mul_(sigma).add_(1).mul_(images)
