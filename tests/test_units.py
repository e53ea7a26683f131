"""The one way between grey levels and [0, 1]: the same bits as written out by hand, and no change on a round trip."""

import pytest
import torch

from pixelproof.units import grey_levels, is_8_bit, to_8_bit, to_levels, to_pixels, to_unit

SHAPES = [(2, 5, 4, 3), (1, 6, 6, 1), (3, 1, 7, 4)]


def pixels_of(shape):
    return torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_a_grey_level_is_the_quotient_by_255_and_never_a_product(shape, dtype):
    pixels = pixels_of(shape).to(dtype)
    expected = pixels.permute(0, 3, 1, 2).float() / 255
    assert torch.equal(to_unit(pixels), expected)
    assert torch.equal(to_unit(pixels), pixels.div(255).permute(0, 3, 1, 2))
    assert to_unit(pixels).stride() == expected.stride()


def test_every_level_is_met_as_the_nearest_float():
    levels = torch.arange(256)
    assert torch.equal(to_unit(levels.view(1, 1, 256, 1)).flatten(), (levels.double() / 255).float())


@pytest.mark.parametrize("shape", SHAPES)
def test_levels_come_back_whole(shape):
    pixels = pixels_of(shape)
    assert torch.equal(to_levels(to_unit(pixels)), pixels.float())
    back = to_pixels(to_unit(pixels))
    assert (back == pixels.numpy()).all()
    assert back.flags.c_contiguous


def test_halves_go_to_the_even_level():
    assert grey_levels(torch.tensor([0.5, 1.5, 2.5, -0.5]) / 255).tolist() == [0, 2, 2, 0]


def test_the_nearest_8_bit_image_lies_in_the_range_and_stays_itself():
    images = torch.rand(4, 3, 5, 5, generator=torch.Generator().manual_seed(1)) * 1.4 - 0.2
    before = images.clone()
    found = to_8_bit(images)
    assert torch.equal(found, (images * 255).round().clamp(0, 255) / 255)
    assert torch.equal(found, images.clamp(0, 1).mul(255).round().div(255))
    assert torch.equal(to_8_bit(found), found)
    assert torch.equal(images, before)


def test_which_images_are_8_bit():
    pixels = torch.tensor([[0.0, 255.0], [0.5, 1.0], [-1.0, 0.0], [256.0, 0.0]]).view(4, 1, 2, 1)
    assert is_8_bit(pixels).tolist() == [True, False, False, False]
