"""Squeezers against SciPy and against numbers by hand."""

from __future__ import annotations

import pytest
import torch
from scipy.ndimage import median_filter

from pixelproof.defences import BitDepth, Chain, MedianFilter, SpatialSmoothing
from pixelproof.errors import InputError


def _images(*shape: int) -> torch.Tensor:
    return torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(0)).float() / 255


@pytest.mark.parametrize(
    ("bits", "grey", "level"),
    [(1, 127, 0), (1, 128, 1), (2, 42, 0), (2, 43, 1), (5, 4, 0), (5, 5, 1), (5, 255, 31), (8, 77, 77)],
)
def test_bit_depth_by_hand(bits, grey, level):
    found = BitDepth(bits)(torch.full((1, 1, 1, 1), grey / 255))
    assert found.item() == pytest.approx(level / (2**bits - 1), abs=1e-7)


@pytest.mark.parametrize("bits", range(1, 9))
def test_bit_depth_of_every_grey_level(bits):
    """Whole numbers only: level k is nearest to grey g where |255 k − (2ᵇ − 1) g| is least; there are no ties."""
    steps = 2**bits - 1
    nearest = [min(range(steps + 1), key=lambda k: abs(255 * k - steps * grey)) for grey in range(256)]
    found = BitDepth(bits)(torch.arange(256).view(1, 1, 16, 16) / 255)
    assert torch.equal((found * steps).round().long().flatten(), torch.tensor(nearest))
    assert torch.equal(BitDepth(bits)(found), found)


@pytest.mark.parametrize("size", [2, 3, 4, 5])
@pytest.mark.parametrize("shape", [(3, 3, 9, 7), (2, 1, 2, 3), (1, 3, 1, 1)])
def test_median_against_scipy(size, shape):
    images = _images(*shape)
    expected = median_filter(images.numpy(), size=(1, 1, size, size), mode="reflect")
    assert torch.equal(MedianFilter(size)(images), torch.from_numpy(expected))


def test_spatial_smoothing_is_the_median_of_3_by_3():
    images = _images(2, 1, 7, 5)
    assert torch.equal(SpatialSmoothing()(images), MedianFilter(3)(images))
    assert (SpatialSmoothing().name, SpatialSmoothing(5).spec) == ("smooth(3)", "smooth(5)")
    with pytest.raises(InputError, match="was expected, not 1; choose"):
        SpatialSmoothing(1)


def test_against_art():
    art = pytest.importorskip("art.defences.preprocessor")
    images = _images(3, 3, 32, 32)
    smoothed, _ = art.SpatialSmoothing(window_size=3, channels_first=True)(images.numpy())
    assert torch.equal(SpatialSmoothing()(images), torch.from_numpy(smoothed))
    squeezed, _ = art.FeatureSqueezing((0, 1), bit_depth=5)(images.numpy())
    assert torch.allclose(BitDepth(5)(images), torch.from_numpy(squeezed).float(), atol=1e-7)


def test_median_passes_gradients_to_the_value_chosen():
    images = torch.tensor([[[[0.1, 0.2], [0.3, 0.4]]]], requires_grad=True)
    filtered = MedianFilter(2)(images)
    assert filtered[0, 0, 1, 1].item() == pytest.approx(0.3)  # the larger of the middle two
    (gradient,) = torch.autograd.grad(filtered[0, 0, 1, 1], images)
    assert gradient.flatten().tolist() == [0, 0, 1, 0]


def test_a_chain_applies_its_steps_in_order():
    images = _images(2, 3, 8, 8)
    chain = Chain((BitDepth(3), MedianFilter(3)))
    assert torch.equal(chain(images), MedianFilter(3)(BitDepth(3)(images)))
    assert (chain.name, chain.spec) == ("bits(3) + median(3)", "bits(3)+median(3)")
    assert not chain.differentiable
    assert Chain((MedianFilter(2), MedianFilter(3))).differentiable


@pytest.mark.parametrize("wrong", [(BitDepth, 0), (BitDepth, 9), (MedianFilter, 1), (MedianFilter, 10)])
def test_numbers_out_of_range(wrong):
    kind, number = wrong
    with pytest.raises(InputError, match=rf"was expected, not {number}; choose"):
        kind(number)
