"""Zoom blur: the camera moves towards what it sees."""

import math

import torch
from torch import Tensor
from torch.nn.functional import pad

from pixelproof.corruptions.filtering import zoom_centre
from pixelproof.corruptions.severity import SeverityCorruption

_LANES = 16  # of the widest vector, in float32


class ZoomBlur(SeverityCorruption):
    """The mean of the image and of its magnifications. Constants: by how much they grow, and how many there are.

    The first is of a factor of 1; the last counts by the part of its number that there is.
    """

    name = "zoom-blur"

    def _changed(self, images: Tensor, strength: float, seed: int) -> Tensor:
        step, number = self.constants(strength)
        step = (1 + step) - 1  # as the reference counts: how many pixels are taken can hang on a factor's last bit
        # All channels of all images innermost: many at once are magnified several times faster, and, their number being
        # made whole vectors, in the same way whatever the batch.
        planes = images.flatten(0, 1)[None]
        planes = pad(planes, (0, 0, 0, 0, 0, -planes.shape[1] % _LANES)).contiguous(memory_format=torch.channels_last)
        total = 2 * planes  # the image itself, and a factor of 1
        for turn in range(1, math.ceil(number)):
            total.add_(zoom_centre(planes, 1 + turn * step), alpha=min(1, number - turn))
        blurred = total.div_(number + 1)[:, : images.shape[0] * images.shape[1]]
        return blurred.contiguous().view(images.shape)
