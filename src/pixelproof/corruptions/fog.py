"""Fog: a cloud over the image."""

from torch import Tensor

from pixelproof.corruptions.plasma_fractal import plasma_fractal
from pixelproof.corruptions.severity import SeverityCorruption


class Fog(SeverityCorruption):
    """Adds a grey plasma fractal, ever thicker and rougher, then scales back to the image's largest value."""

    name = "fog"

    def _changed(self, images: Tensor, strength: float, seed: int) -> Tensor:
        thickness, decay = self.constants(strength)
        largest = images.amax((1, 2, 3), keepdim=True)
        fogged = images + plasma_fractal(images, decay, seed).mul_(thickness)
        return fogged.mul_(largest / (largest + thickness))
