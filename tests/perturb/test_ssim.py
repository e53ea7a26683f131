"""Structural similarity against closed forms and a reference library."""

from __future__ import annotations

import pytest
import torch

from pixelproof.jobs.perturb.measure import ssim


def images(seed: int = 0, channels: int = 3) -> torch.Tensor:
    return torch.rand(4, channels, 24, 20, generator=torch.Generator().manual_seed(seed))


def test_equal_images_are_alike():
    assert torch.allclose(ssim(images(), images()), torch.ones(4, dtype=torch.float64), atol=1e-9)


def test_flat_images_differ_by_their_light_alone():
    """Without structure the second factor is C₂ / C₂."""
    a, b = torch.full((1, 1, 16, 16), 0.25), torch.full((1, 1, 16, 16), 0.75)
    light = (2 * 0.25 * 0.75 + 1e-4) / (0.25**2 + 0.75**2 + 1e-4)
    assert ssim(a, b).item() == pytest.approx(light, rel=1e-6)


def test_the_opposite_pattern_is_worse_than_another():
    first = images()
    assert (ssim(first, 1 - first) < ssim(first, images(1))).all()


def test_an_image_alone_is_what_it_is_among_others():
    first, second = images(), images(1)
    together = ssim(first, second)
    alone = torch.cat([ssim(first[k : k + 1], second[k : k + 1]) for k in range(4)])
    assert torch.allclose(together, alone, atol=1e-6)


@pytest.mark.parametrize("channels", [1, 3])
def test_as_scikit_image(channels: int):
    metrics = pytest.importorskip("skimage.metrics")
    first, second = images(0, channels), images(1, channels)
    for x, y, found in zip(first, second, ssim(first, second), strict=True):
        theirs = metrics.structural_similarity(
            x.numpy(),
            y.numpy(),
            channel_axis=0,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            data_range=1.0,
        )
        assert found.item() == pytest.approx(theirs, abs=1e-5)
