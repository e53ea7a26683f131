"""Noise that follows from the image: its distribution, and that it is fixed."""

from __future__ import annotations

import pytest
import torch
from scipy.stats import kstest

from pixelproof.defences import GaussianNoise
from pixelproof.errors import InputError
from pixelproof.image_draws import normal_draws


def _images(count: int, *, low: int = 0, high: int = 256, shape: tuple[int, ...] = (3, 16, 16)) -> torch.Tensor:
    return torch.randint(low, high, (count, *shape), generator=torch.Generator().manual_seed(0)) / 255


def test_the_noise_is_normal_with_the_deviation_asked_for():
    images = _images(200, low=120, high=136)  # so far from black and white that nothing is cut
    noise = (GaussianNoise(8)(images) - images).double() * 255
    assert kstest(noise.flatten()[:20_000].numpy() / 8, "norm").pvalue > 1e-3
    assert float(noise.mean()) == pytest.approx(0, abs=5 * 8 / noise.numel() ** 0.5)
    assert float(noise.std()) == pytest.approx(8, rel=5 / (2 * noise.numel()) ** 0.5)


def test_places_and_images_are_independent():
    noise = normal_draws(_images(400), 768, 0).double()
    for one, other in ((noise[:, 1:], noise[:, :-1]), (noise[1:], noise[:-1])):
        assert abs(float((one * other).mean())) < 5 / one.numel() ** 0.5


def test_neither_place_nor_neighbours_nor_layout_matter_but_the_seed_does():
    defence, images = GaussianNoise(), _images(6)
    found = defence(images)
    assert torch.equal(defence(images.roll(2, 0)).roll(-2, 0), found)
    assert torch.equal(defence(images[3:4]), found[3:4])
    assert torch.equal(defence(images.contiguous(memory_format=torch.channels_last)), found)
    assert not torch.equal(defence.with_seed(1)(images), found)
    assert defence.with_seed(1) == GaussianNoise(seed=1)


def test_one_grey_level_elsewhere_is_other_noise_everywhere():
    image = _images(1, low=120, high=136)
    other = image.clone()
    other[0, 0, 0, 0] += 1 / 255
    one, two = (GaussianNoise()(each) - each for each in (image, other))
    assert abs(float(torch.corrcoef(torch.stack([one.flatten(), two.flatten()]))[0, 1])) < 5 / 768**0.5


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 7, 5), (4, 3, 2)])
def test_any_shape_stays_within_0_and_1(shape):
    found = GaussianNoise(100)(_images(3, shape=shape))
    assert found.shape == (3, *shape)
    assert found.dtype == torch.float32
    assert 0 <= float(found.min()) <= float(found.max()) <= 1


def test_gradients_take_the_noise_for_a_constant():
    images = _images(2, low=120, high=136).requires_grad_()
    (gradient,) = torch.autograd.grad((GaussianNoise()(images) * 3).sum(), images)
    assert torch.equal(gradient, torch.full_like(images, 3))


@pytest.mark.parametrize("wrong", [{"sigma": 0.0}, {"sigma": 256.0}, {"sigma": float("nan")}, {"seed": -1}])
def test_numbers_out_of_range(wrong):
    with pytest.raises(InputError, match="was expected, not"):
        GaussianNoise(**wrong)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_bits_are_the_same_on_a_gpu():
    assert torch.equal(GaussianNoise()(_images(4).cuda()).cpu(), GaussianNoise()(_images(4)))
