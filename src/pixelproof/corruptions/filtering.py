"""Gaussian filters and magnification, which several corruptions share.

A filter along one axis is a matrix, borders and all; where the image is large and the kernel small, convolution takes
less time. Either way the kernel may be larger than the image.
"""

import math
from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import conv2d, interpolate, pad

#: What lies beyond the border: "nearest" repeats the last pixel, "reflect" mirrors the image and its last pixel,
#: "mirror" mirrors it without.
Border = Literal["nearest", "reflect", "mirror"]

_LARGE = 64  # pixels of height or width, up to which matrices are always faster


def gaussian_filter(images: Tensor, sigma: float, border: Border = "nearest", truncate: float = 4.0) -> Tensor:
    """``images`` N×C×H×W under a Gaussian of ``sigma`` pixels, cut off at ``truncate`` times that."""
    return filter_axes(images, gaussian_taps(sigma, int(truncate * sigma + 0.5)), border)


def gaussian_taps(sigma: float, reach: int) -> tuple[float, ...]:
    """2 ``reach`` + 1 weights that sum to 1; all in the middle for a ``sigma`` of 0."""
    weights = [math.exp(-((x / max(sigma, 1e-6)) ** 2) / 2) for x in range(-reach, reach + 1)]
    return tuple(weight / sum(weights) for weight in weights)


def filter_axes(images: Tensor, taps: tuple[float, ...], border: Border) -> Tensor:
    """``images`` N×C×H×W filtered by ``taps``, an odd number, along the columns and along the rows."""
    height, width = images.shape[-2:]
    if border == "nearest" and max(height, width) > max(_LARGE, 4 * len(taps)):
        return _convolved(images, taps)
    down = _filter_matrix(height, taps, border, images.device)
    return down @ (images @ _filter_matrix(width, taps, border, images.device).T)


@lru_cache(16)
def _filter_matrix(size: int, taps: tuple[float, ...], border: Border, device: torch.device) -> Tensor:
    rows, reach = torch.arange(size), len(taps) // 2
    matrix = torch.zeros(size, size)
    for offset, weight in enumerate(taps, -reach):
        columns = _inside(rows + offset, size, border)
        matrix.index_put_((rows, columns), torch.tensor(weight), accumulate=True)
    return matrix.to(device)


def _convolved(images: Tensor, taps: tuple[float, ...]) -> Tensor:
    # All channels of all images side by side: many at once are convolved several times faster.
    planes = pad(images, [len(taps) // 2] * 4, mode="replicate").flatten(0, 1)
    weights = torch.tensor(taps, device=images.device).expand(len(planes), 1, 1, -1)
    across = conv2d(planes[None], weights, groups=len(planes))
    return conv2d(across, weights.mT, groups=len(planes)).view(images.shape)


def _inside(places: Tensor, size: int, border: Border) -> Tensor:
    """Which of ``size`` pixels is seen at each of ``places``, inside or beyond."""
    if border == "nearest":
        return places.clamp(0, size - 1)
    last = 2 * size - (1 if border == "reflect" else 2)
    places = places % (2 * size if border == "reflect" else last)
    return torch.minimum(places, last - places)


def zoom_centre(images: Tensor, factor: float) -> Tensor:
    """The middle of ``images`` N×C×H×W magnified linearly, ``factor`` ≥ 1 times, at the same height and width.

    As in the reference, whole pixels are taken and whole pixels made, so that at 32×32 1.01 times is the same image.
    """
    (top, height, above, tall), (left, width, before, wide) = (_zoomed(size, factor) for size in images.shape[-2:])
    middle = images[..., top : top + height, left : left + width]
    larger = interpolate(middle, (tall, wide), mode="bilinear", align_corners=True)
    return larger[..., above : above + images.shape[-2], before : before + images.shape[-1]]


def _zoomed(size: int, factor: float) -> tuple[int, int, int, int]:
    """The first pixel taken, how many are, the first of the larger image that is kept, how many it has."""
    taken = math.ceil(size / factor)
    made = round(taken * factor)
    return (size - taken) // 2, taken, (made - size) // 2, made
