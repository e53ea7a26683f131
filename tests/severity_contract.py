"""Real images, and what every corruption by severity promises."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from pixelproof.corruptions.severity import SeverityCorruption
from pixelproof.data import load_data

TABLES = ("imagenet", "cifar")
SHAPES = ((3, 32, 32), (1, 28, 28), (3, 224, 224))


@cache
def real_images(shape: tuple[int, int, int], count: int) -> Tensor:
    """CIFAR-10's test images in 8 bits: as they are, grey and cut to 28×28, or enlarged."""
    images = torch.from_numpy(load_data("bundled").images[:count].copy()).permute(0, 3, 1, 2).contiguous() / 255
    if shape[0] == 1:
        images = images.mean(1, keepdim=True)
    size = shape[1:]
    images = images[..., : size[0], : size[1]] if size < (32, 32) else interpolate(images, size, mode="bicubic")
    return images.clamp(0, 1).mul(255).round().div(255)


def distance(one: Tensor, other: Tensor) -> float:
    """The mean over images of the L2 distance."""
    return float((one - other).flatten(1).norm(dim=1).mean())


def check_promises(corruption: SeverityCorruption, shape: tuple[int, int, int], *, grows: bool = True) -> None:
    """In [0, 1], in 8 bits, a function of image, severity and seed, and stronger step by step where it ``grows``."""
    large = shape[1] > 100
    images = real_images(shape, 2 if large else 24)
    before = images.clone()
    found = [corruption(images, severity, seed=3) for severity in range(6)]
    for each in found:
        assert each.shape == images.shape
        assert each.dtype == torch.float32
        assert 0 <= float(each.min()) <= float(each.max()) <= 1
        assert torch.equal(each.mul(255).round().div(255), each)
    assert torch.equal(images, before)
    assert torch.equal(found[0], images)
    distances = [distance(each, images) for each in found]
    assert distances[0] < distances[1]
    assert distances == sorted(distances) or not grows
    for severity in (0.5, 3.5) if large else (0.5, 1.5, 2.5, 3.5, 4.5):
        low, high = sorted(distances[int(severity) : int(severity) + 2])
        between = distance(corruption(images, severity, seed=3), images)
        leeway = 1.001 if grows else 1.02
        assert low / leeway <= between <= high * leeway
    batch = corruption(images, 3.5, seed=3)
    assert torch.equal(corruption(images, 3.5, seed=3), batch)
    assert torch.equal(corruption(images[1:2], 3.5, seed=3), batch[1:2])
    layout = images.flip(0).contiguous(memory_format=torch.channels_last)
    assert torch.equal(corruption(layout, 3.5, seed=3), batch.flip(0))
