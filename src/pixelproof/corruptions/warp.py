"""Images looked up at other places than their own pixels."""

from collections.abc import Sequence

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


def posed(images: Tensor, poses: Tensor) -> Tensor:
    """``images`` n×C×H×W turned about their middle, then moved right and down, by ``poses`` n×3 (radians, pixels)."""
    height, width = images.shape[2:]
    x = torch.arange(width, device=images.device) - (width - 1) / 2
    y = torch.arange(height, device=images.device)[:, None] - (height - 1) / 2
    angle, right, down = poses.T[:, :, None, None]
    across, along = x - right, y - down
    source_x = angle.cos() * across + angle.sin() * along
    source_y = angle.cos() * along - angle.sin() * across
    return warp(images, torch.stack([source_x - x, source_y - y], 3), "zeros")


def places(images: Tensor) -> Tensor:
    """Where the pixels of ``images`` N×C×H×W lie: H×W×2 (x, y), from −1 to 1."""
    height, width = images.shape[2:]
    x = torch.linspace(-1, 1, width, device=images.device)
    y = torch.linspace(-1, 1, height, device=images.device)
    return torch.stack([x.expand(height, width), y[:, None].expand(height, width)], 2)


def resampled(images: Tensor, where: Tensor) -> Tensor:
    """``images`` N×C×H×W at ``where`` N×H×W×2, bilinear; they go on beyond their borders as their own reflections."""
    return functional.grid_sample(images, where, padding_mode="reflection", align_corners=True)


def mildest_first(counts: Sequence[int], device: torch.device | None = None) -> Tensor:
    """All points of a grid from −1 to 1 with ``counts`` places along its axes, the nearest to 0 first: points×axes."""
    axes = [torch.linspace(-1, 1, count) if count > 1 else torch.zeros(1) for count in counts]
    grid = torch.cartesian_prod(*(axis.to(device) for axis in axes))
    return grid[grid.square().sum(1).sort(stable=True).indices]
