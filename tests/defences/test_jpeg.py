"""JPEG against Pillow used by hand, and against ART's where that is installed."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image

from pixelproof.data import load_data
from pixelproof.defences import Jpeg
from pixelproof.errors import InputError


def _levels(*shape: int) -> torch.Tensor:
    return torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(0))


def _by_hand(levels: torch.Tensor, quality: int) -> torch.Tensor:
    """One image, C×H×W whole numbers."""
    pixels = levels.permute(1, 2, 0).numpy().astype(np.uint8)
    code = BytesIO()
    Image.fromarray(pixels[:, :, 0] if len(levels) == 1 else pixels).save(code, format="jpeg", quality=quality)
    back = np.array(Image.open(code)).reshape(pixels.shape)
    return torch.from_numpy(back).permute(2, 0, 1)


@pytest.mark.parametrize("shape", [(3, 3, 32, 32), (2, 1, 28, 28), (1, 3, 17, 5), (2, 1, 1, 1), (1, 3, 1, 2)])
@pytest.mark.parametrize("quality", [1, 75, 100])
def test_the_images_are_those_of_pillow(shape, quality):
    levels = _levels(*shape)
    expected = torch.stack([_by_hand(each, quality) for each in levels])
    found = Jpeg(quality)(levels / 255)
    assert found.dtype == torch.float32
    assert torch.equal(found, expected.float() / 255)


def test_a_low_quality_loses_more():
    images = torch.from_numpy(load_data("bundled").images[:16].copy()).permute(0, 3, 1, 2) / 255
    lost = [float((Jpeg(quality)(images) - images).square().mean()) for quality in (100, 75, 20, 1)]
    assert 0 < lost[0] < lost[1] < lost[2] < lost[3]


def test_images_are_rounded_to_8_bits_first_and_not_cut_off():
    images = _levels(2, 3, 8, 8) / 255
    assert torch.equal(Jpeg()(images - 1e-3), Jpeg()(images))
    assert torch.equal(Jpeg()(images + 1e-3), Jpeg()(images))


def test_neighbours_layout_and_argument():
    images = (_levels(5, 3, 16, 12) / 255).requires_grad_()
    before = images.detach().clone()
    found = Jpeg()(images)
    assert not found.requires_grad
    assert torch.equal(Jpeg()(images[2:3]), found[2:3])
    assert torch.equal(Jpeg()(images.contiguous(memory_format=torch.channels_last)), found)
    assert torch.equal(images, before)


@pytest.mark.parametrize("channels", [2, 4])
def test_other_channels_are_refused(channels):
    with pytest.raises(InputError, match=f"grey or RGB images, not {channels} channels; leave jpeg out"):
        Jpeg()(torch.zeros(1, channels, 8, 8))


@pytest.mark.parametrize("quality", [0, 101])
def test_numbers_out_of_range(quality):
    with pytest.raises(InputError, match=f"1 to 100 was expected, not {quality}"):
        Jpeg(quality)


def test_against_art():
    art = pytest.importorskip("art.defences.preprocessor")
    levels = _levels(8, 3, 32, 32)
    theirs, _ = art.JpegCompression((0, 255), quality=75, channels_first=True)(levels.numpy().astype(np.float32))
    assert torch.equal((Jpeg(75)(levels / 255) * 255).round(), torch.from_numpy(theirs).round())
