"""Saturate: colours made paler or stronger; the saturation of every pixel in HSV, scaled and shifted."""

import torch
from torch import Tensor

from pixelproof.corruptions.severity import SeverityCorruption


class Saturate(SeverityCorruption):
    """S becomes S × scale + shift, cut to [0, 1]; hue and value stay. One-channel images do not change.

    Severities 1 and 2 make colours paler, 3 to 5 stronger: between 2 and 3 the nearer one's constants hold, for a line
    from one to the other would pass the image unchanged. As in the reference, grey in an RGB image has the hue 0, so a
    shift reddens it.
    """

    name = "saturate"

    def constants(self, severity: float) -> tuple[float, ...]:
        return super().constants(round(severity) if 2 < severity < 3 else severity)

    def _changed(self, images: Tensor, strength: float, seed: int) -> Tensor:
        if images.shape[1] == 1:
            return images
        scale, shift = self.constants(strength)
        value = images.amax(1, keepdim=True)
        spread = value - images.amin(1, keepdim=True)
        # What lies between V and a channel is V × S, times a share that is the hue's alone.
        between = torch.where(spread > 0, value - images, _red(images) * value)
        saturation = torch.where(value > 0, spread / value, 0)
        wanted = (saturation * scale + shift).clamp_(max=1)
        return value - between * torch.where(spread > 0, wanted / saturation, wanted)


def _red(images: Tensor) -> Tensor:
    """The shares of a hue of 0, 1×3×1×1."""
    return images.new_tensor([0.0, 1.0, 1.0]).view(1, 3, 1, 1)
