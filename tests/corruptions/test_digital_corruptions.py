"""Brightness, contrast, saturate, pixelate, JPEG and elastic, against Pillow, colorsys, SciPy and imagecorruptions."""

from __future__ import annotations

import colorsys
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage

from pixelproof.corruptions.brightness_shift import BrightnessShift
from pixelproof.corruptions.contrast_shift import ContrastShift
from pixelproof.corruptions.elastic_transform import ElasticTransform
from pixelproof.corruptions.jpeg_compression import JpegCompression
from pixelproof.corruptions.pixelate import Pixelate
from pixelproof.corruptions.saturate import Saturate
from pixelproof.corruptions.severity import SEVERITIES
from pixelproof.corruptions.suites import CORRUPTIONS, EXTRA, STANDARD
from pixelproof.image_draws import normal_numbers, uniform_numbers
from severity_kit import (
    SHAPES,
    check_between,
    check_grey_stays_grey,
    check_growth,
    check_images,
    distances,
    real_images,
    the_reference,
)

pytestmark = pytest.mark.slow

DIGITAL = (BrightnessShift, ContrastShift, Saturate, Pixelate, JpegCompression, ElasticTransform)
TABLES = ("imagenet", "cifar")
#: Severities at which the constants themselves change an image less than those before.
FALLS = {
    ("saturate", "imagenet"): (3,),  # from paler to stronger colours
    ("saturate", "cifar"): (3,),
    ("elastic-transform", "imagenet"): (2, 3),  # from all of the image, off the small ones at once, to small regions
    ("elastic-transform", "cifar"): (2, 3, 4, 5),  # the affine map weighs most, and it is milder every time
}


def _pixels(images: torch.Tensor) -> list[np.ndarray]:
    return list(images.mul(255).round().byte().permute(0, 2, 3, 1).numpy())


def _levels(pixels: list[np.ndarray]) -> torch.Tensor:
    return torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).float()


def _colours() -> torch.Tensor:
    """All RGB colours of eight levels a channel, as one image."""
    levels = torch.tensor([0, 1, 40, 99, 128, 200, 254, 255]) / 255
    return torch.cartesian_prod(levels, levels, levels).T.reshape(1, 3, 16, 32)


def _by_hsv(images: torch.Tensor, change) -> torch.Tensor:
    colours = [colorsys.hsv_to_rgb(*change(*colorsys.rgb_to_hsv(*each))) for each in images[0].flatten(1).T.tolist()]
    return torch.tensor(colours).T.view_as(images) * 255


def test_the_names():
    assert len(STANDARD) == 15
    assert EXTRA == ("speckle-noise", "gaussian-blur", "spatter", "saturate")
    assert tuple(CORRUPTIONS) == STANDARD + EXTRA
    assert all(made.name == name and made().name == name for name, made in CORRUPTIONS.items())


@pytest.mark.parametrize("name", STANDARD + EXTRA)
def test_the_tables_are_whole(name):
    made = CORRUPTIONS[name]
    assert set(SEVERITIES[name]) == {"still", *TABLES}
    for table in TABLES:
        rows = made(table).rows()
        assert len(rows) == 6
        assert [made(table).constants(severity) for severity in range(6)] == [pytest.approx(row) for row in rows]
        assert len({len(row) for row in rows}) == 1


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("made", DIGITAL)
def test_it_keeps_to_the_contract(made, table, shape):
    images = real_images(shape)
    check_images(made(table), images[:3], random=made is ElasticTransform)
    if (made, shape) in ((Pixelate, "28x28x1"), (Saturate, "28x28x1")):
        return  # 28 is a multiple of some new sizes only; grey has no colour
    check_growth(made(table), images, falls=FALLS.get((made.name, table), ()))
    if shape != "224x224x3":
        check_between(made(table), images)


@pytest.mark.parametrize("made", [BrightnessShift, ContrastShift, Pixelate, JpegCompression, ElasticTransform])
def test_grey_stays_grey(made):
    check_grey_stays_grey(made())


def test_one_channel_has_no_colour_to_saturate():
    images = real_images("28x28x1")
    assert torch.equal(Saturate()(images, 5), images)


@pytest.mark.parametrize(("severity", "shift"), [(1, 0.1), (2.5, 0.25), (5, 0.5)])
def test_brightness_adds_to_the_value_of_hsv(severity, shift):
    colours = _colours()
    expected = _by_hsv(colours, lambda h, s, v: (h, s, min(v + shift, 1)))
    assert (BrightnessShift(rounding="nearest")(colours, severity) * 255 - expected).abs().max() < 0.5001


@pytest.mark.parametrize(("severity", "scale", "shift"), [(1, 0.3, 0), (3, 2, 0), (2.4, 0.1, 0), (5, 20, 0.2)])
def test_saturate_scales_the_saturation_of_hsv(severity, scale, shift):
    colours = _colours()
    expected = _by_hsv(colours, lambda h, s, v: (h, min(s * scale + shift, 1), v))
    assert (Saturate(rounding="nearest")(colours, severity) * 255 - expected).abs().max() < 0.5001


def test_contrast_keeps_means():
    pixels = _pixels(real_images("32x32x3"))[0] / 255
    expected = pixels.mean((0, 1)) + 0.05 * (pixels - pixels.mean((0, 1)))
    found = ContrastShift(rounding="nearest")(real_images("32x32x3")[:1], 5)
    assert np.abs(found[0].permute(1, 2, 0).numpy() - expected).max() < 0.5001 / 255


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("table", TABLES)
def test_pixelate_is_pillows_box_filter(table, shape):
    images = real_images(shape)[:4]
    height, width = images.shape[2:]
    for severity, (share,) in enumerate(SEVERITIES["pixelate"][table], 1):
        expected = []
        for pixels in _pixels(images):
            image = Image.fromarray(pixels.squeeze())
            small = image.resize((int(width * share), int(height * share)), Image.Resampling.BOX)
            expected.append(np.asarray(small.resize((width, height), Image.Resampling.BOX)).reshape(pixels.shape))
        off = (Pixelate(table)(images, severity) * 255 - _levels(expected)).abs()
        assert off.max() <= 1
        assert off.mean() < 0.01  # Pillow's weights are rounded to 22 bits


def test_jpeg_is_pillows_at_the_tables_quality():
    images = real_images("32x32x3")[:4]
    for severity, quality in ((1, 25), (1.5, 22), (5, 7), (0.001, 100)):
        expected = []
        for pixels in _pixels(images):
            code = BytesIO()
            Image.fromarray(pixels).save(code, "JPEG", quality=quality)
            expected.append(np.asarray(Image.open(code)))
        assert torch.equal((JpegCompression()(images, severity) * 255).round(), _levels(expected))


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("shape", ["32x32x3", "28x28x1"])
@pytest.mark.parametrize("severity", [2, 3, 5])
def test_elastic_moves_pixels_as_scipy_does(table, shape, severity):
    images = real_images(shape)[:3]
    corruption = ElasticTransform(table, "nearest")
    height, width = images.shape[2:]
    numbers = uniform_numbers(images, 6 + 2 * height * width, 0).double().numpy()
    expected = [
        _elastic(image.numpy(), each, *corruption.constants(severity))
        for image, each in zip(images, numbers, strict=True)
    ]
    off = (corruption(images, severity) - torch.from_numpy(np.stack(expected))).abs() * 255
    assert off.mean() < 0.3  # rounding alone makes it 0.25
    assert off.max() < 1.5


def _elastic(image: np.ndarray, numbers: np.ndarray, alpha: float, sigma: float, jolt: float) -> np.ndarray:
    """One ``image`` C×H×W, places as (row, column)."""
    _, height, width = image.shape
    half = min(height, width) // 3
    centre = np.array([height // 2, width // 2])
    corners = centre + half * np.array([[1, 1], [-1, 1], [-1, -1]])
    moved = corners + jolt * numbers[:6].reshape(3, 2)[:, ::-1]
    back = np.linalg.solve(np.column_stack((moved, np.ones(3))), corners)  # from (row, column, 1)
    grid = np.stack(np.mgrid[:height, :width], -1)  # type: ignore[call-overload]
    places = (grid @ back[:2] + back[2]).transpose(2, 0, 1)
    image = np.stack([ndimage.map_coordinates(plane, places, order=1, mode="mirror") for plane in image])
    across, down = (
        alpha * ndimage.gaussian_filter(plane, sigma, mode="reflect", truncate=3)
        for plane in numbers[6:].reshape(2, height, width)
    )
    places = grid.transpose(2, 0, 1) + np.stack((down, across))
    return np.stack([ndimage.map_coordinates(plane, places, order=1, mode="reflect") for plane in image])


def test_elastic_takes_a_triangle_that_jolts_make_a_line():
    found = ElasticTransform()(real_images("32x32x3")[:, :, :16, :16], 2)  # jolts of 49 pixels in an image of 16
    assert found.isfinite().all()


def test_numbers_of_fields():
    images = real_images("32x32x3")[:4]
    even, normal = uniform_numbers(images, 30_000, 5), normal_numbers(images, 30_000, 5)
    assert even.abs().max() < 1
    assert torch.allclose(even.mean(1), torch.zeros(4), atol=0.02)
    assert torch.allclose(even.square().mean(1), torch.full((4,), 1 / 3), atol=0.01)
    assert torch.allclose(normal.mean(1), torch.zeros(4), atol=0.03)
    assert torch.allclose(normal.std(1), torch.ones(4), atol=0.03)
    assert torch.corrcoef(normal).fill_diagonal_(0).abs().max() < 0.03
    beside = torch.corrcoef(torch.stack([normal[0, :-4], *(normal[0, k : k - 4 or None] for k in (1, 2, 3, 4))]))
    assert beside.fill_diagonal_(0).abs().max() < 0.03


@pytest.mark.parametrize("shape", ["32x32x3", "224x224x3"])
@pytest.mark.parametrize("made", [BrightnessShift, ContrastShift, Saturate, Pixelate, JpegCompression])
def test_it_agrees_with_imagecorruptions(made, shape):
    corrupt = the_reference()
    images = real_images(shape)[:8]
    name = made.name.replace("-", "_")
    for severity in range(1, 6):
        theirs = _levels([corrupt(pixels, severity, name) for pixels in _pixels(images)])
        off = (made()(images, severity) * 255 - theirs).abs()
        assert off.mean() < 0.6  # it cuts fractions of grey levels off
        assert off.max() < 1.01
    assert distances(made(), images, (5,))[0] > 2
