"""The structural similarity of two images.

Wang, Bovik, Sheikh & Simoncelli, "Image Quality Assessment: From Error Visibility to Structural Similarity", IEEE
Transactions on Image Processing, 2004, eq. (13): Gaussian windows of 11×11 with σ = 1.5, K₁ = 0.01, K₂ = 0.03.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

_SIZE, _SIGMA = 11, 1.5
_C1, _C2 = 0.01**2, 0.03**2  # of images in [0, 1]


def ssim(images: Tensor, others: Tensor) -> Tensor:
    """N numbers, 1 for equal images: the mean over windows that lie within the image and over channels.

    Both are float32 N×C×H×W in [0, 1], at least 11×11.
    """
    x, y = images.double(), others.double()
    mean_x, mean_y = _window(x), _window(y)
    spread_x, spread_y = _window(x * x) - mean_x**2, _window(y * y) - mean_y**2
    common = _window(x * y) - mean_x * mean_y
    light = (2 * mean_x * mean_y + _C1) / (mean_x**2 + mean_y**2 + _C1)
    structure = (2 * common + _C2) / (spread_x + spread_y + _C2)
    return (light * structure).flatten(1).mean(1)


def _window(images: Tensor) -> Tensor:
    """Means of ``images`` N×C×H×W under the window, at each of its places inside."""
    offsets = torch.arange(_SIZE, device=images.device, dtype=images.dtype) - _SIZE // 2
    weights = torch.exp(-(offsets**2) / (2 * _SIGMA**2))
    weights = weights / weights.sum()
    flat = images.flatten(0, 1).unsqueeze(1)
    rows = F.conv2d(flat, weights.view(1, 1, -1, 1))
    return F.conv2d(rows, weights.view(1, 1, 1, -1)).view(*images.shape[:2], rows.shape[2], -1)
