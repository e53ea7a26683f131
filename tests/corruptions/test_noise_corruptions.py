"""Noise: its distributions, what every kind promises, and the reference's where that is installed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import stats

from pixelproof.corruptions.gaussian_noise import GaussianNoise
from pixelproof.corruptions.impulse_noise import ImpulseNoise
from pixelproof.corruptions.shot_noise import ShotNoise, _quantiles
from pixelproof.corruptions.speckle_noise import SpeckleNoise
from pixelproof.image_draws import normal_values, value_draws
from severity_contract import SHAPES, TABLES, check_promises, real_images

KINDS = [GaussianNoise, ShotNoise, ImpulseNoise, SpeckleNoise]


def _grey(level: int, count: int = 60) -> torch.Tensor:
    """Images about ``level``, all different, 3×16×16."""
    images = torch.full((count, 3, 16, 16), level / 255)
    images.view(count, -1)[range(count), range(count)] += 1 / 255
    return images


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_keeps_its_promises(kind, table, shape):
    check_promises(kind(table), shape)


@pytest.mark.parametrize("kind", KINDS)
def test_another_seed_is_other_noise(kind):
    images = real_images((3, 32, 32), 4)
    one, two = (kind()(images, 3, seed) - images for seed in (0, 1))
    assert abs(float(torch.corrcoef(torch.stack([one.flatten(), two.flatten()]))[0, 1])) < 0.2


def test_numbers_are_even_and_places_images_and_seeds_independent():
    images = _grey(100)
    numbers = value_draws(images, 0)
    assert numbers.shape == images.shape
    assert stats.chisquare(np.bincount(numbers.flatten().numpy() >> 8, minlength=256)).pvalue > 1e-3
    normal = normal_values(images, 0).flatten(1).double()
    assert stats.kstest(normal.flatten()[:20_000].numpy(), "norm").pvalue > 1e-3
    others = [(normal[:, k:], normal[:, :-k]) for k in (1, 2, 3)] + [(normal[1:], normal[:-1])]
    for one, other in [*others, (normal, normal_values(images, 1).flatten(1).double())]:
        assert abs(float((one * other).mean())) < 5 / one.numel() ** 0.5


@pytest.mark.parametrize(("table", "deviation"), [("imagenet", 0.08), ("cifar", 0.04)])
def test_gaussian_noise_is_normal(table, deviation):
    images = _grey(127)
    noise = (GaussianNoise(table, "nearest")(images, 1) - images).double()
    bound = 5 / noise.numel() ** 0.5
    assert float(noise.mean()) == pytest.approx(0, abs=bound * deviation)
    assert float(noise.std()) == pytest.approx(deviation, rel=bound)


def test_speckle_noise_grows_with_the_value():
    for level in (40, 80, 120):
        images = _grey(level)
        noise = (SpeckleNoise()(images, 2) - images).double()
        assert float(noise.std()) == pytest.approx(0.2 * level / 255, rel=0.02)
    assert not SpeckleNoise()(torch.zeros(1, 1, 16, 16), 5).any()


@pytest.mark.parametrize("severity", [1, 2.5, 5])
def test_impulse_noise_is_salt_and_pepper_in_equal_parts(severity):
    (share,) = ImpulseNoise().constants(severity)
    images = _grey(100)
    found = ImpulseNoise()(images, severity)
    salt, pepper = (float((found == value).double().mean()) for value in (1, 0))
    for each in (salt, pepper):
        assert each == pytest.approx(share / 2, abs=5 * (share / images.numel()) ** 0.5)
    kept = (found > 0) & (found < 1)
    assert torch.equal(found[kept], images[kept])


def test_what_is_lost_at_one_severity_is_lost_alike_at_the_next():
    images = _grey(100)
    one, next_one = ImpulseNoise()(images, 1), ImpulseNoise()(images, 1.7)
    lost = one != images
    assert torch.equal(next_one[lost], one[lost])


@pytest.mark.parametrize("white", [3.0, 60.0, 500.0])
def test_the_table_of_shot_noise_holds_poissons_quantiles(white):
    table = _quantiles(white, torch.device("cpu")).view(256, -1)
    middles = (np.arange(4096) + 0.5) / 4096
    for level in (0, 1, 17, 128, 255):
        expected = stats.poisson.ppf(middles, level / 255 * white) if level else np.zeros(4096)
        np.testing.assert_array_equal((table[level] * white).round().numpy(), expected)


@pytest.mark.parametrize("severity", [0.01, 1, 2.5, 5])
def test_shot_noise_has_the_mean_and_the_variance_of_poisson(severity):
    (photon,) = ShotNoise("cifar").constants(severity)
    values = ShotNoise("cifar")._changed(_grey(100), severity, 0).double()
    assert float(values.mean()) == pytest.approx(100 / 255, abs=6 * (photon / values.numel()) ** 0.5)
    assert float(values.var()) == pytest.approx(100 / 255 * photon, rel=0.02)


@pytest.mark.parametrize("shape", [(3, 32, 32), (3, 224, 224)], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_changes_are_distributed_as_the_references(kind, shape):
    """Mean within 0.5 grey levels, deviation and distance within 3 %; measured: 0.4 levels and 2 %, of impulses."""
    reference = pytest.importorskip("imagecorruptions.corruptions")
    images = real_images(shape, 2 if shape[1] > 100 else 60)
    pixels = images.permute(0, 2, 3, 1).mul(255).round().byte().numpy()
    np.random.seed(0)  # noqa: NPY002  # the reference draws from it
    for severity in (1, 3, 5):
        corrupt = getattr(reference, kind.name.replace("-", "_"))
        expected = np.stack([np.trunc(corrupt(Image.fromarray(each), severity)) for each in pixels]) - pixels
        found = (kind()(images, severity) * 255).permute(0, 2, 3, 1).numpy() - pixels
        assert found.mean() == pytest.approx(expected.mean(), abs=0.5)
        assert found.std() == pytest.approx(expected.std(), rel=0.03)
        one, other = (np.sqrt((each**2).mean((1, 2, 3))).mean() for each in (found, expected))
        assert one == pytest.approx(other, rel=0.03)
