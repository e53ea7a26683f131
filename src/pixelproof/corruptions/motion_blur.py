"""Motion blur: the camera moves sideways while the shutter is open.

The line of pixels is that of ImageMagick, which Hendrycks & Dietterich call.
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

from pixelproof.corruptions.severity import SeverityCorruption
from pixelproof.image_draws import BITS, draws

_PARTS = 4  # of the images, by angle


class MotionBlur(SeverityCorruption):
    """Averages each pixel with those on a line to its right, at an angle drawn from ±45°, the nearest weighing most.

    Constants: the line has 2 radius + 1 pixels, weighed by half a Gaussian of standard deviation sigma.
    """

    name = "motion-blur"
    cut = False  # ImageMagick rounds

    def _changed(self, images: Tensor, strength: float, seed: int) -> Tensor:
        radius, sigma = self.constants(strength)
        angles = (draws(images, 1, seed)[:, 0].double() / 2**BITS - 0.5) * (math.pi / 2)
        upwards = (angles < 0)[:, None, None, None]
        # A line upwards is one downwards in the image turned over: kernels need half the height.
        found = images.where(~upwards, images.flip(-2))
        # Like angles together: kernels are no larger than the steepest and the flattest line of a part need.
        for part in angles.abs().argsort().chunk(_PARTS):
            found[part] = _along(found[part], line_kernels(angles[part].abs(), radius, sigma))
        return found.where(~upwards, found.flip(-2))


def line_kernels(angles: Tensor, radius: float, sigma: float) -> Tensor:
    """A line from the upper left corner, at each of ``angles`` N from 0 to π/4 downwards: N×h×w, each sums to 1."""
    places = torch.arange(math.ceil(2 * radius + 1), device=angles.device)
    weights = torch.exp(-((places / sigma) ** 2) / 2) * (2 * radius + 1 - places).clamp(max=1)
    down, right = ((part[:, None] * places - 0.5).ceil().long() for part in (angles.sin(), angles.cos()))
    height, width = int(down.max()) + 1, int(right.max()) + 1
    kernels = torch.zeros(len(angles), height * width, device=angles.device)
    kernels.scatter_add_(1, down * width + right, (weights / weights.sum()).expand(len(angles), -1))
    return kernels.view(-1, height, width)


def _along(images: Tensor, kernels: Tensor) -> Tensor:
    """``images`` N×C×H×W weighed by ``kernels`` N×h×w to their right and below, the border repeated beyond."""
    _, tall, wide = kernels.shape
    planes = pad(images, (0, wide - 1, 0, tall - 1), mode="replicate").flatten(0, 1)
    kernels = kernels.repeat_interleave(images.shape[1], 0)
    return conv2d(planes[None], kernels[:, None], groups=len(planes)).view(images.shape)
