"""Filters and magnification against SciPy's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from pixelproof.corruptions.filtering import gaussian_filter, zoom_centre


def _images(height: int, width: int) -> torch.Tensor:
    return torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("border", ["nearest", "reflect", "mirror"])
@pytest.mark.parametrize("sigma", [0.05, 0.4, 1.0, 2.3, 6.0, 40.0])
@pytest.mark.parametrize("size", [(16, 16), (20, 33), (70, 50), (300, 30)])
def test_a_gaussian_is_scipys_at_any_size_and_border(size, sigma, border):
    images = _images(*size)
    expected = ndimage.gaussian_filter(images.double().numpy(), (0, 0, sigma, sigma), mode=border)
    np.testing.assert_allclose(gaussian_filter(images, sigma, border).numpy(), expected, atol=3e-6)


def test_a_gaussian_may_be_cut_off_elsewhere():
    images = _images(18, 16)
    expected = ndimage.gaussian_filter(images.double().numpy(), (0, 0, 2, 2), mode="reflect", truncate=3)
    np.testing.assert_allclose(gaussian_filter(images, 2, "reflect", truncate=3).numpy(), expected, atol=3e-6)


@pytest.mark.parametrize("factor", [1.0, 1.01, 1.28, 1.3, 2.0, 4.5])
@pytest.mark.parametrize("size", [(16, 16), (32, 28), (224, 60)])
def test_the_middle_is_magnified_as_by_scipy(size, factor):
    images = _images(*size)
    tall, wide = (int(np.ceil(side / factor)) for side in size)
    top, left = (size[0] - tall) // 2, (size[1] - wide) // 2
    middle = images[..., top : top + tall, left : left + wide].double().numpy()
    larger = ndimage.zoom(middle, (1, 1, factor, factor), order=1)
    above, before = (larger.shape[2] - size[0]) // 2, (larger.shape[3] - size[1]) // 2
    expected = larger[..., above : above + size[0], before : before + size[1]]
    np.testing.assert_allclose(zoom_centre(images, factor).numpy(), expected, atol=2e-5)
