"""Which values of an image are kept: drawn at random, yet always the same for the same 8-bit image."""

from __future__ import annotations

import torch
from torch import Tensor

from pixelproof.image_draws import BITS, draws


def kept_values(images: Tensor, probability: float, seed: int) -> Tensor:
    """A mask of bools, in the shape of ``images`` N×C×H×W in [0, 1], True with ``probability`` in 0 to 1 each.

    ``draws`` of ``seed`` and the image in 8 bits decide; probabilities are multiples of 2⁻⁵³.
    """
    drawn = draws(images, images[0].numel(), seed)
    return torch.lt(drawn, round(probability * 2**BITS)).view(images.shape)
