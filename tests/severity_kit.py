"""What every corruption with severities keeps to, on real images of three shapes, and how far it moves them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from pixelproof.corruptions.severity import SeverityCorruption
from pixelproof.data import load_data

SHAPES = ("32x32x3", "28x28x1", "224x224x3")


def real_images(shape: str) -> Tensor:
    """24 of CIFAR-10's test images; their grey middles; four of them enlarged."""
    images = torch.from_numpy(load_data("bundled").images[:24].copy()).permute(0, 3, 1, 2) / 255
    if shape == "28x28x1":
        images = images[:, :, 2:30, 2:30].mean(1, keepdim=True)
    if shape == "224x224x3":
        images = interpolate(images[:4], (224, 224), mode="bicubic", antialias=True).clamp(0, 1)
    return images.mul(255).round().div(255).contiguous()


def distances(corruption: SeverityCorruption, images: Tensor, severities: tuple[float, ...]) -> list[float]:
    """The mean root-mean-square change in grey levels at each of ``severities``."""
    changes = [(corruption(images, severity) - images).mul(255) for severity in severities]
    return [float(change.square().mean((1, 2, 3)).sqrt().mean()) for change in changes]


def check_images(corruption: SeverityCorruption, images: Tensor, *, random: bool) -> None:
    """Eight bits in [0, 1], the same every time, alone and in a batch; only random ones depend on the seed."""
    before = images.clone()
    for severity in (1.5, 5):
        found = corruption(images, severity)
        assert found.shape == images.shape
        assert found.dtype == torch.float32
        assert 0 <= float(found.min()) <= float(found.max()) <= 1
        assert torch.equal(found.mul(255).round().div(255), found)
        assert torch.equal(corruption(images, severity), found)
        assert torch.equal(corruption(images[1:2], severity), found[1:2])
        assert torch.equal(corruption(images, severity, seed=1), found) != random
    assert torch.equal(corruption(images, 0), images)
    assert torch.equal(images, before)


def check_growth(corruption: SeverityCorruption, images: Tensor, *, falls: tuple[int, ...] = ()) -> None:
    """Distances grow from each whole severity to the next, those in ``falls`` excepted."""
    steps = distances(corruption, images, (0, 1, 2, 3, 4, 5))
    assert all(steps[k] >= steps[k - 1] for k in range(1, 6) if k not in falls), steps
    assert steps[5] > steps[0]


def check_between(corruption: SeverityCorruption, images: Tensor) -> None:
    """Half-way between two whole severities, so is the distance: between theirs, up to a twentieth."""
    steps = distances(corruption, images, (0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5))
    for k in range(1, 11, 2):
        low, high = sorted((steps[k - 1], steps[k + 1]))
        assert 0.95 * low <= steps[k] <= 1.05 * high, (k / 2, steps)


def check_grey_stays_grey(corruption: SeverityCorruption) -> None:
    """Three equal channels come back equal."""
    found = corruption(real_images("28x28x1").expand(-1, 3, -1, -1).contiguous(), 3)
    assert torch.equal(found[:, :1].expand(-1, 3, -1, -1), found)


def the_reference():  # type: ignore[no-untyped-def]
    """``corrupt(pixels uint8 H×W×3, severity, name)`` of imagecorruptions (imagecorruptions-imaug 1.1.5)."""
    return pytest.importorskip("imagecorruptions").corrupt
