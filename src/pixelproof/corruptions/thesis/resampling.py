"""Images looked up at other places, as fastai 1 does it: −1 and 1 are the middles of the outermost pixels."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def places(images: Tensor) -> Tensor:
    """Where the pixels of ``images`` N×C×H×W lie: H×W×2 (x, y), from −1 to 1."""
    height, width = images.shape[2:]
    x = torch.linspace(-1, 1, width, device=images.device)
    y = torch.linspace(-1, 1, height, device=images.device)
    return torch.stack([x.expand(height, width), y[:, None].expand(height, width)], 2)


def resampled(images: Tensor, where: Tensor) -> Tensor:
    """``images`` N×C×H×W at ``where`` N×H×W×2, bilinear; they go on beyond their borders as their own reflections."""
    return functional.grid_sample(images, where, padding_mode="reflection", align_corners=True)
