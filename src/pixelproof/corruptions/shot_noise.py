"""Shot noise: light comes in photons, and a dark or short exposure counts few."""

from functools import lru_cache

import torch
from torch import Tensor

from pixelproof.corruptions.severity import SeverityCorruption
from pixelproof.image_draws import NUMBER_BITS, looked_up, value_draws
from pixelproof.units import grey_levels

_QUANTILE_BITS = 12
_MOST = 1e6  # photons in white: beyond it the noise is a quarter of a grey level


class ShotNoise(SeverityCorruption):
    """Puts a Poisson number of photons in the place of every value. Constant: one over their mean number in white.

    Images have 256 levels, so there are 256 distributions, and 4,096 equally likely quantiles of each in one table.
    """

    name = "shot-noise"

    def rows(self) -> list[list[float]]:
        return [[1 / photons for photons in row] for row in super().rows()]

    def _changed(self, images: Tensor, strength: float, seed: int) -> Tensor:
        (photon,) = self.constants(strength)
        which = value_draws(images, seed) >> (NUMBER_BITS - _QUANTILE_BITS)
        which += grey_levels(images).int() << _QUANTILE_BITS
        return looked_up(_quantiles(min(1 / photon, _MOST), images.device), which)


@lru_cache(5)
def _quantiles(white: float, device: torch.device) -> Tensor:
    """Photon numbers over those of ``white``: of level 0, level 1 … 255, in a row."""
    means = torch.arange(256, dtype=torch.float64)[:, None] * (white / 255)
    reach = 7 * white**0.5 + 10
    first = (means - reach).floor_().clamp_(min=0)
    numbers = first + torch.arange(int(2 * reach) + 2)
    below = torch.exp(torch.xlogy(numbers, means) - means - torch.lgamma(numbers + 1)).cumsum(1)
    # A number is passed by each quantile, the middle of its part, that lies above the probability of it or less.
    passed = below.mul_(2**_QUANTILE_BITS).add_(0.5).floor_().clamp_(max=2**_QUANTILE_BITS).long()
    steps = torch.zeros(256, 2**_QUANTILE_BITS + 1, dtype=torch.int32)
    steps.scatter_add_(1, passed, torch.ones_like(passed, dtype=torch.int32))
    counts = steps[:, :-1].cumsum(1, dtype=torch.int32)
    values: Tensor = (first + counts) / white
    return values.float().flatten().to(device)
