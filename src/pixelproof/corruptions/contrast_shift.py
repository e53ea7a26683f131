"""Contrast: light conditions and the colour of the object; values drawn towards their mean."""

import torch
from torch import Tensor

from pixelproof.corruptions.severity import SeverityCorruption


class ContrastShift(SeverityCorruption):
    """Keeps a share of every value's distance to the mean of its channel in the image."""

    name = "contrast"

    def _changed(self, images: Tensor, strength: float, seed: int) -> Tensor:
        (kept,) = self.constants(strength)
        return torch.lerp(images.mean((2, 3), keepdim=True), images, kept)
