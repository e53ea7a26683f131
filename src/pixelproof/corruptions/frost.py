"""Frost: ice crystals on the lens or on a window."""

import torch
from torch import Tensor

from pixelproof.corruptions.plasma_fractal import plasma_fractal
from pixelproof.corruptions.severity import SeverityCorruption
from pixelproof.image_draws import uniform_numbers

#: How much bluer frost is than grey of its brightness, in red, green and blue.
_TINT = (-0.072, 0.014, 0.058)
_DECAY = 1.1  # of the fractal, to be as rough as the photographs


class Frost(SeverityCorruption):
    """Weakens the image to a share and adds a share of frost, which is grown: no photograph is used.

    The reference cuts its frost from six photographs. Here veins of ice follow a contour line of a plasma fractal,
    different in each image, with the photographs' statistics: grey means evenly from 0.30 to 0.87, standard deviations
    falling from 0.14 to 0.08 with these, a bluish tint, and about their autocorrelation. Results agree with the
    reference's in mean and spread, not in looks.
    """

    name = "frost"

    def _changed(self, images: Tensor, strength: float, seed: int) -> Tensor:
        image_share, frost_share = self.constants(strength)
        return images * image_share + _grown(images, seed) * frost_share


def _grown(images: Tensor, seed: int) -> Tensor:
    """Frost for each of ``images``, of their shape, in [0, 1]."""
    height = _standardised(plasma_fractal(images, _DECAY, seed))
    veins = _standardised(height.abs().mul_(-2).exp_().add_(height, alpha=0.25))
    brightness = 0.585 + 0.285 * uniform_numbers(images, 1, ~seed).view(-1, 1, 1, 1)
    ice = brightness + (0.18 - 0.12 * brightness) * veins
    tint = images.new_tensor(_TINT).view(1, 3, 1, 1) if images.shape[1] == 3 else 0
    return (ice + tint).clamp_(0, 1)


def _standardised(fields: Tensor) -> Tensor:
    """``fields`` N×1×H×W with mean 0 and standard deviation 1 each."""
    deviation, mean = torch.std_mean(fields, (2, 3), keepdim=True)
    return (fields - mean).div_(deviation)
