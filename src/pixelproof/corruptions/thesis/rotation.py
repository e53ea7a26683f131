"""Rotation about the middle of the image, by any angle.

As fastai 1's ``rotate``: to the left for positive angles, bilinear, and what comes in from outside is the image
reflected at its borders. Oblong images are turned by the true angle, which fastai misses by a pixel in a side's length.
"""

from math import cos, radians, sin

import torch
from torch import Tensor

from pixelproof.corruptions.corruption import Corruption
from pixelproof.corruptions.warp import places, resampled
from pixelproof.errors import InputError


class Rotation(Corruption):
    """Turns the picture to the left by degrees; to the right by negative ones."""

    name = "rotation"
    unit = "degrees"
    ends = (-180, 180)

    def check(self, strength: float) -> None:
        if not -180 <= strength <= 180:
            raise InputError(
                f"rotation: −180 to 180 degrees were expected, not {strength:g}; choose an angle of these."
            )

    def _changed(self, images: Tensor, strength: float, seed: int) -> Tensor:
        height, width = images.shape[2:]
        x, y = places(images).unbind(2)
        across, along = cos(radians(strength)), sin(radians(strength))
        tall = (height - 1) / (width - 1)
        where = torch.stack([across * x - along * tall * y, along / tall * x + across * y], 2)
        # One grid for all: as channels of one image they share its weights.
        return resampled(images.flatten(0, 1)[None], where[None]).view(images.shape)
