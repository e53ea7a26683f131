"""Spatter: rain or mud on the lens."""

import torch
from torch import Tensor
from torch.nn.functional import pad

from pixelproof.corruptions.filtering import gaussian_filter
from pixelproof.corruptions.severity import SeverityCorruption
from pixelproof.image_draws import normal_numbers

_WATER = (175 / 255, 238 / 255, 238 / 255)  # pale turquoise
_MUD = (63 / 255, 42 / 255, 20 / 255)
_SHALLOW = 0.41421356  # tan 22.5°: a gradient less steep than this counts as level
_STEEP = 2.41421356
_FARTHEST = 20  # pixels from the rim of a drop that still shade it


class Spatter(SeverityCorruption):
    """Drops where smoothed noise passes a threshold: water at severities 1 to 3, mud at 4 and 5, the nearer between.

    The constants are the noise's mean and standard deviation, ``sigma`` of the Gaussian in pixels, the threshold, then
    how strong water is or how soft the rims of mud are (``sigma`` again), and 0 for water, 1 for mud. Grey images take
    the colours' lightness. Distances to a rim are Euclidean; the reference's are up to 2 % off that.
    """

    name = "spatter"

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


def canny_edges(levels: Tensor, low: float, high: float) -> Tensor:
    """Where ``levels`` N×1×H×W, whole numbers, have an edge (Canny 1986): N×1×H×W, true or false.

    Gradients are Sobel's, their size |x| + |y|. An edge is a ridge of them above ``low`` that is connected to one above
    ``high``, over corners too.
    """
    x, y = _sobel(pad(levels, (1, 1, 1, 1), "replicate"))
    size = x.abs() + y.abs()
    ridge = _is_ridge(size, x, y) & (size > low)
    edges = ridge & (size > high)
    while True:
        grown = ridge & _beside(edges)
        if torch.equal(grown, edges):
            return edges
        edges = grown


def distance_to(marked: Tensor, most: int) -> Tensor:
    """The distance in pixels of each pixel to the next that is ``marked`` N×1×H×W, up to ``most``, float32."""
    down = torch.where(marked, 0.0, float(most))
    step = 1
    while step < min(most, marked.shape[2]):  # after steps of 1, 2, 4 … every distance below twice the last is found
        nearer = down.clone()
        torch.minimum(nearer[:, :, step:], down[:, :, :-step] + step, out=nearer[:, :, step:])
        torch.minimum(nearer[:, :, :-step], down[:, :, step:] + step, out=nearer[:, :, :-step])
        down, step = nearer, 2 * step
    squares = down.square_()
    least = squares.clone()
    for across in range(1, min(most, marked.shape[3])):
        moved = squares + across**2
        torch.minimum(least[..., across:], moved[..., :-across], out=least[..., across:])
        torch.minimum(least[..., :-across], moved[..., across:], out=least[..., :-across])
    return least.sqrt_()


def _sobel(padded: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients to the right and downwards of what was ``padded`` by one pixel."""
    across = padded[..., 2:] - padded[..., :-2]
    x = across[..., :-2, :] + 2 * across[..., 1:-1, :] + across[..., 2:, :]
    along = padded[..., 2:, :] - padded[..., :-2, :]
    y = along[..., :-2] + 2 * along[..., 1:-1] + along[..., 2:]
    return x, y


def _is_ridge(size: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Where ``size`` is above that of the pixel before in the gradient's direction and not below the one behind."""
    height, width = size.shape[2:]
    around = pad(size, (1, 1, 1, 1))

    def at(down: int, right: int) -> Tensor:
        return around[..., 1 + down : 1 + down + height, 1 + right : 1 + right + width]

    level = (size > at(0, -1)) & (size >= at(0, 1))
    upright = (size > at(-1, 0)) & (size >= at(1, 0))
    falling = (size > at(-1, -1)) & (size > at(1, 1))
    rising = (size > at(-1, 1)) & (size > at(1, -1))
    across, along = x.abs(), y.abs()
    slanted = torch.where((x < 0) ^ (y < 0), rising, falling)
    return torch.where(along < _SHALLOW * across, level, torch.where(along > _STEEP * across, upright, slanted))


def _beside(marked: Tensor) -> Tensor:
    """Where a pixel or one of its eight neighbours is ``marked``."""
    wide = marked.clone()
    wide[..., 1:] |= marked[..., :-1]
    wide[..., :-1] |= marked[..., 1:]
    high = wide.clone()
    high[..., 1:, :] |= wide[..., :-1, :]
    high[..., :-1, :] |= wide[..., 1:, :]
    return high
