"""Pixelate: an image of low resolution, enlarged."""

from functools import lru_cache

import torch
from torch import Tensor

from pixelproof.corruptions.severity import SeverityCorruption
from pixelproof.units import grey_levels


class Pixelate(SeverityCorruption):
    """Shrinks both sides to a share, each new pixel the mean of those it covers, and repeats pixels to the old size.

    Means are rounded to grey levels after the rows and again after the columns, as in Pillow, the reference's tool.
    """

    name = "pixelate"

    def _changed(self, images: Tensor, strength: float, seed: int) -> Tensor:
        (share,) = self.constants(strength)
        height, width = images.shape[2:]
        across, column = _boxes(width, int(width * share), images.device)
        down, row = _boxes(height, int(height * share), images.device)
        levels = grey_levels(images)
        levels = _halves_up((levels @ across.T).div_(across.sum(1)))
        levels = _halves_up((down @ levels).div_(down.sum(1, keepdim=True)))
        return levels.index_select(2, row).index_select(3, column).div_(255)


def _halves_up(levels: Tensor) -> Tensor:
    return levels.add_(0.5).floor_()


@lru_cache(64)
def _boxes(size: int, small: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Which of ``size`` pixels each of ``small`` new ones covers, 0 or 1, and which new one stands at each of them.

    The sums of whole numbers are exact, whatever the order they are added in.
    """
    centres = (torch.arange(small, dtype=torch.float64) + 0.5) * (size / small)
    offsets = (torch.arange(size) + 0.5 - centres[:, None]) * (small / size)
    covered = ((offsets > -0.5) & (offsets <= 0.5)).float()
    return covered.to(device), ((2 * torch.arange(size) + 1) * small // (2 * size)).to(device)
