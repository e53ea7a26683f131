"""Defocus blur: out of focus, a point becomes a disc."""

import math

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

from pixelproof.corruptions.filtering import filter_axes, gaussian_taps
from pixelproof.corruptions.severity import SeverityCorruption


class DefocusBlur(SeverityCorruption):
    """Averages each pixel over a disc. Constants: its radius and the Gaussian that softens its edge, in pixels.

    A disc of pixels grows in jumps; between two whole severities both discs are blended.
    """

    name = "defocus-blur"

    def _changed(self, images: Tensor, strength: float, seed: int) -> Tensor:
        low, high = (disc_kernel(*self.constants(whole)) for whole in (math.floor(strength), math.ceil(strength)))
        reach = len(high) // 2
        kernel = pad(low, [reach - len(low) // 2] * 4).lerp(high, strength % 1).to(images.device)
        # All channels of all images side by side: many at once are convolved several times faster.
        planes = pad(images, [reach] * 4, mode="reflect").flatten(0, 1)
        return conv2d(planes[None], kernel.expand(len(planes), 1, -1, -1), groups=len(planes)).view(images.shape)


def disc_kernel(radius: float, sigma: float) -> Tensor:
    """A disc of ``radius`` pixels softened by a Gaussian of ``sigma``: square, with odd sides.

    As in the reference the Gaussian has 3×3 weights, 5×5 for a radius above 8, and is mirrored 8 pixels or the radius
    from the middle: there, at 8 and at 10, the sum is 1.01 in place of 1.
    """
    limit = max(8, math.floor(radius))
    squares = torch.arange(-limit, limit + 1) ** 2
    disc = (squares + squares[:, None] <= radius**2).float()
    taps = gaussian_taps(sigma, 1 if radius <= 8 else 2)
    soft = filter_axes((disc / disc.sum())[None, None], taps, "mirror")[0, 0]
    rim = max(0, limit - math.floor(radius) - 1)
    return soft[rim : len(soft) - rim, rim : len(soft) - rim]
