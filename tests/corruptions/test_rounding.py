"""To whole grey levels: cut off where the reference's code does, to the nearest where that is asked for."""

from __future__ import annotations

import pytest
import torch

from pixelproof.corruptions.suites import CORRUPTIONS, make
from severity_kit import real_images

#: Those that a library gives in whole levels: ImageMagick, Pillow.
WHOLE = ("motion-blur", "pixelate", "jpeg-compression")


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_levels_are_cut_off_or_rounded(name: str) -> None:
    images = real_images("32x32x3")[:6]
    exact = make(name, "cifar")._changed(images, 3, 0).mul(255).clamp(0, 255)
    cut, nearest = (make(name, "cifar", rounding)(images, 3).mul(255).round() for rounding in ("reference", "nearest"))
    assert (nearest - exact).abs().max() <= 0.5001
    if name in WHOLE:
        assert torch.equal(cut, nearest)
        return
    assert (cut <= exact + 2e-3).all()
    assert (exact < cut + 1).all()
    assert not torch.equal(cut, nearest) or name == "impulse-noise"  # whose values are whole levels


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_what_changes_nothing_loses_no_level(name: str) -> None:
    levels = torch.arange(256).view(1, 1, 16, 16).expand(1, 3, -1, -1) / 255
    assert torch.equal(make(name, "cifar")(levels.contiguous(), 0), levels)


def test_whole_levels_stay_where_float32_errs_below_them() -> None:
    """Flat images under a blur: the taps sum to 1 only nearly."""
    flat = (torch.arange(256.0) / 255).view(256, 1, 1, 1).expand(-1, 3, 16, 16).contiguous()
    for name in ("gaussian-blur", "zoom-blur", "contrast"):
        assert torch.equal(make(name, "cifar")(flat, 5), flat)
