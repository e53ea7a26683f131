"""Frost: ice crystals on the lens or on a window."""

import torch
from torch import Tensor

from pixelproof.corruptions.plasma_fractal import plasma_fractal
from pixelproof.corruptions.severity import SeverityCorruption
from pixelproof.image_draws import uniform_numbers

#: Of each photograph that the reference draws from (it has six and never draws the last), in random crops: the mean of
#: grey, its standard deviation between crops and within one, and how far red, green and blue lie from it.
#: Measured on those of imagecorruptions-imaug 1.1.5 in 400 crops, a mean of those of 224×224 and, five times reduced as
#: CIFAR's are, of 32×32.
_PHOTOGRAPHS = (
    (0.510, 0.040, 0.059, -0.206, 0.071, 0.135),
    (0.800, 0.029, 0.075, -0.024, -0.006, 0.030),
    (0.800, 0.029, 0.075, -0.024, -0.006, 0.030),
    (0.619, 0.034, 0.103, -0.055, 0.003, 0.053),
    (0.448, 0.056, 0.136, -0.045, -0.001, 0.046),
)
_DECAY = 1.1  # of the fractal, to be as rough as the photographs


class Frost(SeverityCorruption):
    """Weakens the image to a share and adds a share of frost, which is grown: no photograph is used.

    The reference cuts its frost from five photographs. Here veins of ice follow a contour line of a plasma fractal,
    different in each image, with the mean, the spread and the tint of one of the photographs and about their
    autocorrelation. Results agree with the reference's in mean and spread, not in looks.
    """

    name = "frost"

    def _changed(self, images: Tensor, strength: float, seed: int) -> Tensor:
        image_share, frost_share = self.constants(strength)
        return images * image_share + _grown(images, seed) * frost_share


def _grown(images: Tensor, seed: int) -> Tensor:
    """Frost for each of ``images``, of their shape, in [0, 1]."""
    height = _standardised(plasma_fractal(images, _DECAY, seed))
    veins = _standardised(height.abs().mul_(-2).exp_().add_(height, alpha=0.25))
    which = (uniform_numbers(images, 1, ~seed)[:, 0] + 1) * (len(_PHOTOGRAPHS) / 2)  # the photograph, and where in it
    photograph = images.new_tensor(_PHOTOGRAPHS)[which.long()][:, :, None, None, None]
    mean, between, within = photograph[:, :3].unbind(1)
    place = (which % 1 - 0.5).view(-1, 1, 1, 1) * 12**0.5  # even, of standard deviation 1
    tint = photograph[:, 3:, 0] if images.shape[1] == 3 else 0
    return (mean + between * place + within * veins + tint).clamp_(0, 1)


def _standardised(fields: Tensor) -> Tensor:
    """``fields`` N×1×H×W with mean 0 and standard deviation 1 each."""
    deviation, mean = torch.std_mean(fields, (2, 3), keepdim=True)
    return (fields - mean).div_(deviation)
