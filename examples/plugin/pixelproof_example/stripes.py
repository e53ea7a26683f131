"""Dark stripes across the picture, as of a rolling shutter under a flickering lamp."""

import torch
from torch import Tensor

from pixelproof.corruptions.corruption import Corruption
from pixelproof.errors import InputError
from pixelproof.image_draws import BITS, draws


class Stripes(Corruption):
    """Takes light from every other band of four rows, from a row that is drawn for each image."""

    name = "stripes"
    unit = "share of light"
    ends = (0.8,)

    def check(self, strength: float) -> None:
        if not 0 <= strength <= 1:
            raise InputError(f"stripes: a share of 0 to 1 was expected, not {strength:g}; 0.4 is much.")

    def _changed(self, images: Tensor, strength: float, seed: int) -> Tensor:
        first = (draws(images, 1, seed) >> (BITS - 3)).view(-1, 1, 1, 1)  # of eight rows
        row = torch.arange(images.shape[2], device=images.device).view(1, 1, -1, 1)
        dark = (row + first) // 4 % 2 == 0
        return torch.where(dark, images * (1 - strength), images)
