"""Gaussian noise: that of a sensor in poor light."""

from torch import Tensor

from pixelproof.corruptions.severity import SeverityCorruption
from pixelproof.image_draws import normal_values


class GaussianNoise(SeverityCorruption):
    """Adds normal noise to every value. Constant: its standard deviation, of 1 for white."""

    name = "gaussian-noise"

    def _changed(self, images: Tensor, strength: float, seed: int) -> Tensor:
        (sigma,) = self.constants(strength)
        return normal_values(images, seed).mul_(sigma).add_(images)
