"""The structural similarity of two images.

Wang, Bovik, Sheikh & Simoncelli, "Image Quality Assessment: From Error Visibility to Structural Similarity", IEEE
Transactions on Image Processing, 2004, eq. (13): Gaussian windows of 11×11 with σ = 1.5, K₁ = 0.01, K₂ = 0.03.
"""

from __future__ import annotations

import torch
from torch import Tensor

_SIZE, _SIGMA = 11, 1.5
_C1, _C2 = 0.01**2, 0.03**2  # of images in [0, 1]


def ssim(images: Tensor, others: Tensor) -> Tensor:
    """N numbers, 1 for equal images: the mean over windows that lie within the image and over channels.

    Both are float32 N×C×H×W in [0, 1], at least 11×11.
    """
    both = torch.stack([images, others]).double()  # small differences of large numbers follow
    means = _windowed(both)
    spreads = _windowed(both * both) - means * means
    common = _windowed(both[0] * both[1]) - means[0] * means[1]
    light = (2 * means[0] * means[1] + _C1) / (means[0] ** 2 + means[1] ** 2 + _C1)
    structure = (2 * common + _C2) / (spreads[0] + spreads[1] + _C2)
    return (light * structure).flatten(1).mean(1)


def _windowed(images: Tensor) -> Tensor:
    """Means of ``images`` …×H×W under the window, at each of its places inside: rows, then columns, as products."""
    height, width = images.shape[-2:]
    return _places(height, images).T @ images @ _places(width, images)


def _places(length: int, like: Tensor) -> Tensor:
    """The window at every place along ``length`` pixels, a column each: ``length``×(``length`` − 10)."""
    count = length - _SIZE + 1
    distance = torch.arange(length, dtype=torch.float64)[:, None] - torch.arange(count) - _SIZE // 2
    weights = torch.exp(-(distance**2) / (2 * _SIGMA**2)) * (distance.abs() <= _SIZE // 2)
    return (weights / weights[:, :1].sum()).to(like)
