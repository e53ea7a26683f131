"""Snow: flakes that fall past the camera, and everything under them whiter."""

import math

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

from pixelproof.corruptions.filtering import zoom_centre
from pixelproof.corruptions.motion_blur import line_kernels
from pixelproof.corruptions.severity import SeverityCorruption
from pixelproof.image_draws import normal_numbers, uniform_numbers
from pixelproof.units import grey_levels


class Snow(SeverityCorruption):
    """Flakes are what passes a threshold of magnified noise, blurred by motion within 45° of the vertical.

    They are added twice, the second time turned by 180°, to an image partly lifted towards 1.5 × its lightness + 0.5.
    The constants are the noise's mean and standard deviation, its magnification, the threshold, radius and sigma of
    the motion blur in pixels, and the share of the image that is not lifted. Between severities 2 and 3
    and between 4 and 5 the nearer one's hold: the magnification changes much there, and how often magnified noise
    passes a threshold does not follow it steadily.
    """

    name = "snow"

    def constants(self, severity: float) -> tuple[float, ...]:
        return super().constants(round(severity) if int(severity) in (2, 4) else severity)

    def _changed(self, images: Tensor, strength: float, seed: int) -> Tensor:
        mean, deviation, zoom, threshold, radius, sigma, kept = self.constants(strength)
        count, _, height, width = images.shape
        noise = normal_numbers(images, height * width, seed).view(count, 1, height, width)
        flakes = zoom_centre(noise, zoom).mul_(deviation).add_(mean)
        flakes = torch.where(flakes < threshold, 0, flakes.clamp(0, 1))
        fallen = grey_levels(_fallen(flakes, uniform_numbers(images, 1, ~seed)[:, 0], radius, sigma)) / 255
        lifted = torch.maximum(images, _lightness(images) * 1.5 + 0.5)
        return torch.lerp(lifted, images, kept) + (fallen + fallen.flip((2, 3)))


def _fallen(flakes: Tensor, turns: Tensor, radius: float, sigma: float) -> Tensor:
    """``flakes`` N×1×H×W blurred downwards, N ``turns`` from -1 to 1 of 45° to one side, and turned by 180°.

    A line of pixels lies to the right and below: turned so, it is above, and mirrored for the other side.
    """
    mirrored = (turns < 0)[:, None, None, None]
    kernels = line_kernels(turns.abs() * (math.pi / 4), radius, sigma).mT  # from level lines to upright ones
    _, tall, wide = kernels.shape
    planes = torch.where(mirrored, flakes.flip(2), flakes.flip((2, 3))).transpose(0, 1)
    planes = pad(planes, (0, wide - 1, 0, tall - 1), "replicate")
    blurred = conv2d(planes, kernels[:, None], groups=len(kernels)).transpose(0, 1)
    return torch.where(mirrored, blurred.flip(3), blurred)


def _lightness(images: Tensor) -> Tensor:
    """N×1×H×W, as weighed by ITU-R BT.601."""
    if images.shape[1] == 1:
        return images
    red, green, blue = images.unbind(1)
    return (red * 0.299 + green * 0.587 + blue * 0.114)[:, None]
