"""Brightness in logit space: black and white stay what they are, and nothing is cut off.

As fastai 1's ``brightness``: sigmoid(logit(x) + logit(change)).
"""

from torch import Tensor

from pixelproof.corruptions.corruption import Corruption
from pixelproof.errors import InputError

#: How near to 0 and 1 a value may come, whose logit would be infinite (fastai's own).
NEAREST = 1e-7


class LogitBrightness(Corruption):
    """A change of 0 is black, of 0.5 none, of 1 white."""

    name = "logit-brightness"
    unit = "change"
    none = 0.5
    ends = (0, 1)

    def check(self, strength: float) -> None:
        if not 0 <= strength <= 1:
            raise InputError(
                f"logit-brightness: a change of 0 (black) to 1 (white) was expected, not {strength:g}; 0.5 is none."
            )

    def _changed(self, images: Tensor, strength: float, seed: int) -> Tensor:
        return brightened(images, strength)


def brightened(images: Tensor, change: float | Tensor) -> Tensor:
    """``images`` in [0, 1] under a ``change`` in [0, 1], a number or a tensor that broadcasts."""
    light = images.clamp(NEAREST, 1 - NEAREST)
    dark = 1 - light
    light *= change
    return light.div_(dark.mul_(1 - change).add_(light))  # of sigmoid(logit + logit), written out
