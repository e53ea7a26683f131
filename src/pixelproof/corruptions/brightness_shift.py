"""Brightness: daylight that changes; a constant added to the value of every pixel in HSV."""

import torch
from torch import Tensor

from pixelproof.corruptions.severity import SeverityCorruption


class BrightnessShift(SeverityCorruption):
    """Adds to V, the largest of a pixel's values, up to 1; hue and saturation stay, so black turns grey.

    With both kept, RGB is proportional to V: no colour is converted.
    """

    name = "brightness"

    def _changed(self, images: Tensor, strength: float, seed: int) -> Tensor:
        (shift,) = self.constants(strength)
        value = images.amax(1, keepdim=True)
        brighter = (value + shift).clamp_(max=1)
        return torch.where(value > 0, images * (brighter / value), brighter)
