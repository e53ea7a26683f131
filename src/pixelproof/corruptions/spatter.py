"""Spatter: rain or mud on the lens.

Hendrycks & Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations", ICLR 2019.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import pad

from pixelproof.corruptions.edge_distance import canny_edges, distance_to
from pixelproof.corruptions.filtering import gaussian_filter
from pixelproof.corruptions.severity import Rows, SeverityCorruption, Table
from pixelproof.image_draws import normal_numbers

_WATER = (175 / 255, 238 / 255, 238 / 255)  # pale turquoise
_MUD = (63 / 255, 42 / 255, 20 / 255)
_FARTHEST = 20  # pixels from the rim of a drop that still shade it


@dataclass(frozen=True)
class Spatter(SeverityCorruption):
    """Drops where smoothed noise passes a threshold: water at severities 1 to 3, mud at 4 and 5, the nearer between.

    The constants are the noise's mean and standard deviation, ``sigma`` of the Gaussian in pixels, the threshold, then
    how strong water is or how soft the rims of mud are (``sigma`` again), and 0 for water, 1 for mud. Grey images take
    the colours' lightness. Distances to a rim are Euclidean; the reference's are up to 2 % off that.
    """

    name: ClassVar[str] = "spatter"
    still: ClassVar[tuple[float, ...]] = (0.65, 0.3, 4.0, 0.69, 0.0, 0.0)
    tables: ClassVar[dict[Table, Rows]] = {
        "imagenet": (
            (0.65, 0.3, 4.0, 0.69, 0.6, 0.0),
            (0.65, 0.3, 3.0, 0.68, 0.6, 0.0),
            (0.65, 0.3, 2.0, 0.68, 0.5, 0.0),
            (0.65, 0.3, 1.0, 0.65, 1.5, 1.0),
            (0.67, 0.4, 1.0, 0.65, 1.5, 1.0),
        ),
        "cifar": (
            (0.62, 0.1, 0.7, 0.7, 0.5, 0.0),
            (0.65, 0.1, 0.8, 0.7, 0.5, 0.0),
            (0.65, 0.3, 1.0, 0.69, 0.5, 0.0),
            (0.65, 0.1, 0.7, 0.69, 0.6, 1.0),
            (0.65, 0.1, 0.5, 0.68, 0.6, 1.0),
        ),
    }

    def constants(self, severity: float) -> tuple[float, ...]:
        return super().constants(round(severity) if 3 < severity < 4 else severity)

    def _changed(self, images: Tensor, strength: float, seed: int) -> Tensor:
        mean, deviation, sigma, threshold, amount, muddy = self.constants(strength)
        count, _, height, width = images.shape
        noise = normal_numbers(images, height * width, seed).view(count, 1, height, width)
        liquid = gaussian_filter(noise, sigma).mul_(deviation).add_(mean)
        drops = liquid >= threshold
        if muddy:
            cover = gaussian_filter(drops.float(), amount)
            cover = torch.where(cover < 0.8, 0, cover)
            return images + cover * (_colour(_MUD, images) - images)
        return images + _shading(torch.where(drops, liquid, 0)).mul_(amount) * _colour(_WATER, images)


def _colour(rgb: tuple[float, float, float], images: Tensor) -> Tensor:
    """``rgb`` 1×3×1×1, or its lightness, 1×1×1×1, for grey ``images``."""
    if images.shape[1] == 3:
        return images.new_tensor(rgb).view(1, 3, 1, 1)
    red, green, blue = rgb
    return images.new_tensor(0.299 * red + 0.587 * green + 0.114 * blue).view(1, 1, 1, 1)


def _shading(liquid: Tensor) -> Tensor:
    """How bright drops of ``liquid`` N×1×H×W are, from 0 to 1 in each image: embossed by the distance to their rims."""
    liquid = liquid.clamp(0, 1).mul_(255).floor_()
    distance = _box_sum(distance_to(canny_edges(liquid, 50, 150), _FARTHEST)).div_(9).floor_()
    relief = _embossed(_equalised(distance)).clamp_(0, 255)
    shading = _box_sum(relief).div_(9).round_().mul_(liquid)
    return shading.div_(shading.amax((2, 3), keepdim=True).clamp_(min=1))


def _box_sum(levels: Tensor) -> Tensor:
    """The sum of each pixel and its eight neighbours, mirrored at the border."""
    padded = pad(levels, (1, 1, 1, 1), "reflect")
    rows = padded[..., :-2] + padded[..., 1:-1] + padded[..., 2:]
    return rows[..., :-2, :] + rows[..., 1:-1, :] + rows[..., 2:, :]


def _equalised(levels: Tensor) -> Tensor:
    """Whole ``levels`` N×1×H×W from 0 to 20, spread over 0 to 255 so that their histogram is even in each image."""
    flat = levels.long().flatten(1)
    counts = levels.new_zeros(len(levels), _FARTHEST + 1).scatter_add_(1, flat, levels.new_ones(()).expand_as(flat))
    upto = counts.cumsum(1)
    total = float(flat.shape[1])
    least = torch.where(counts > 0, upto, total).amin(1, keepdim=True)
    spread = torch.where(least < total, (upto - least) * (255 / (total - least)), 1.0 * _steps(upto))
    return spread.clamp_(min=0).round_().gather(1, flat).view_as(levels)


def _steps(table: Tensor) -> Tensor:
    return torch.arange(table.shape[1], device=table.device).expand_as(table)


def _embossed(levels: Tensor) -> Tensor:
    """Lit from the right and below: each pixel and its neighbours weighted -2 -1 0, -1 1 1, 0 1 2."""
    around = pad(levels, (1, 1, 1, 1), "reflect")
    lit = around[..., 1:-1, 2:] + around[..., 2:, 1:-1] + 2 * around[..., 2:, 2:]
    dark = around[..., 1:-1, :-2] + around[..., :-2, 1:-1] + 2 * around[..., :-2, :-2]
    return levels + lit - dark
