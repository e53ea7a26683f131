"""Images looked up at other places than their own pixels."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def warp(images: Tensor, shift: Tensor, outside: str) -> Tensor:
    """Each pixel of ``images`` n×C×H×W taken, bilinearly, from where ``shift`` n×H×W×2 (x, y; in pixels) points.

    ``outside`` says what lies beyond the border: ``zeros`` (black), or ``border`` (its pixels go on). Differentiable.
    """
    height, width = images.shape[2:]
    y, x = torch.meshgrid(
        torch.arange(height, device=images.device), torch.arange(width, device=images.device), indexing="ij"
    )
    size = torch.tensor([width, height], device=images.device)
    places = (2 * (torch.stack([x, y], 2) + shift) + 1) / size - 1  # −1 and 1 are the outer edges of the image
    return functional.grid_sample(images, places, padding_mode=outside, align_corners=False)
