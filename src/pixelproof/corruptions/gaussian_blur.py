"""Gaussian blur."""

from torch import Tensor

from pixelproof.corruptions.filtering import gaussian_filter
from pixelproof.corruptions.severity import SeverityCorruption


class GaussianBlur(SeverityCorruption):
    """Averages each pixel with those around it. Constant: the standard deviation of the Gaussian in pixels."""

    name = "gaussian-blur"

    def _changed(self, images: Tensor, strength: float, seed: int) -> Tensor:
        (sigma,) = self.constants(strength)
        return gaussian_filter(images, sigma)
