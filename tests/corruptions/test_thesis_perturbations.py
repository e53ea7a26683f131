"""The thesis's perturbations against closed forms, and what every one of them promises."""

from __future__ import annotations

import math

import pytest
import torch

from pixelproof.corruptions.thesis import RANGES, Jitter, LogitBrightness, LogitContrast, RgbRandomise, Rotation
from pixelproof.errors import InputError

STRENGTHS = {corruption.name: strengths for corruption, strengths in RANGES}
FIVE = [corruption for corruption, _ in RANGES]
CASES = [(corruption, strength) for corruption, strengths in RANGES for strength in strengths]
IDS = [f"{corruption.name} {strength:g}" for corruption, strength in CASES]


def _levels(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(seed)) / 255


def test_the_ranges_are_those_of_table_7():
    assert STRENGTHS == {
        "rotation": (-60, 20, 100, 180),
        "logit-brightness": (0.1, 0.3, 0.4, 0.5),
        "rgb-randomise": (0.2, 0.5, 0.99),
        "jitter": (-0.05, -0.03, 0, 0.03, 0.05),
        "logit-contrast": (0.5, 1.17, 2.74, 6.41),
    }


@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 28, 28), (3, 17, 40)])
@pytest.mark.parametrize(("corruption", "strength"), CASES, ids=IDS)
def test_in_range_in_8_bits_and_the_same_alone_as_in_a_batch(corruption, strength, shape):
    images = _levels(5, *shape)
    before = images.clone()
    found = corruption(images, strength, seed=3)
    assert found.shape == images.shape
    assert found.dtype == torch.float32
    assert float(found.min()) >= 0
    assert float(found.max()) <= 1
    assert torch.equal(found.mul(255).round().div(255), found)
    assert torch.equal(corruption(images[2:3], strength, seed=3), found[2:3])
    assert torch.equal(corruption(images.flip(0), strength, seed=3), found.flip(0))
    assert torch.equal(images, before)
    assert torch.equal(found, images) == (strength == corruption.none)


@pytest.mark.parametrize("corruption", FIVE, ids=STRENGTHS)
def test_the_ends_are_in_range_and_change_the_image(corruption):
    images = _levels(2, 3, 16, 16)
    for end in corruption.ends:
        assert not torch.equal(corruption(images, end), images)


@pytest.mark.parametrize("corruption", FIVE, ids=STRENGTHS)
def test_the_strength_of_none_changes_nothing_and_one_beside_it_little(corruption):
    images = _levels(2, 3, 16, 16)
    assert torch.equal(corruption(images, corruption.none), images)
    if corruption.name != "rgb-randomise":  # whose red channel is gone at any threshold
        assert float((corruption(images, corruption.none + 1e-4) - images).abs().max()) <= 1 / 255


def test_against_fastai():
    """Rows that the functions of fastai 1.0.61, the thesis's library, made of the same image, to the grey level."""
    steps = torch.arange(16)
    images = ((steps[:, None] * 37 + steps * 91) % 256)[None, None] / 255
    for found, row, expected in [
        (Rotation()(images, 20), 0, [97, 170, 144, 98, 132, 205, 110, 116, 128, 61, 154, 162, 94, 150, 92, 33]),
        (Rotation()(images, 20), 9, [142, 81, 170, 74, 110, 199, 116, 148, 130, 89, 121, 29, 127, 186, 68, 162]),
        (LogitBrightness()(images, 0.3), 9, [40, 115, 1, 51, 135, 9, 63, 158, 17, 77, 184, 26, 92, 215, 36, 109]),
        (LogitContrast()(images, 2.74), 9, [23, 219, 0, 47, 238, 0, 84, 249, 2, 129, 253, 7, 174, 255, 17, 209]),
    ]:
        assert found[0, 0, row].mul(255).round().int().tolist() == expected


# --- rotation


@pytest.mark.parametrize("shape", [(2, 3, 16, 16), (2, 1, 17, 17)])
@pytest.mark.parametrize(("degrees", "quarters"), [(90, 1), (-90, -1), (180, 2), (-180, 2)])
def test_right_angles_are_exact_and_to_the_left(shape, degrees, quarters):
    images = _levels(*shape)
    assert torch.equal(Rotation()(images, degrees), images.rot90(quarters, (2, 3)))


def test_half_a_turn_of_an_oblong_image_is_exact():
    images = _levels(2, 3, 16, 23)
    assert torch.equal(Rotation()(images, 180), images.rot90(2, (2, 3)))


@pytest.mark.parametrize("degrees", [-60, 20, 45, 100])
def test_a_plane_of_grey_is_turned_by_the_formula(degrees):
    """A linear image between pixels is what bilinear interpolation makes of it; within the circle that stays inside."""
    size = 32
    along = torch.arange(size) - (size - 1) / 2
    x, y = along[None, :].expand(size, size), along[:, None].expand(size, size)
    images = (0.5 + 0.006 * x + 0.01 * y)[None, None]
    angle = math.radians(degrees)
    # What is now at (x, y), y down, was at that place turned back, to the right on the screen.
    was_x = math.cos(angle) * x - math.sin(angle) * y
    was_y = math.sin(angle) * x + math.cos(angle) * y
    inside = x.square() + y.square() <= ((size - 1) / 2) ** 2
    difference = (Rotation()(images, degrees)[0, 0] - (0.5 + 0.006 * was_x + 0.01 * was_y))[inside]
    assert float(difference.abs().max()) <= 0.5 / 255 + 1e-5


def test_what_comes_in_from_outside_is_the_image_reflected():
    images = _levels(1, 3, 32, 32)
    # Room for the corners on all sides: the border's own pixels are not doubled.
    wide = torch.nn.functional.pad(images, (12,) * 4, mode="reflect")
    expected = Rotation()(wide, 45)[:, :, 12:-12, 12:-12]
    assert float((Rotation()(images, 45) - expected).abs().max()) <= 1 / 255 + 1e-6


# --- brightness and contrast


def _sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))


@pytest.mark.parametrize("change", [0.1, 0.3, 0.4, 0.7])
def test_brightness_is_a_sum_of_logits(change):
    images = torch.arange(1, 255).view(1, 1, 1, -1).expand(1, 1, 16, -1) / 255
    expected = [_sigmoid(math.log(x / (1 - x)) + math.log(change / (1 - change))) for x in images[0, 0, 0].tolist()]
    found = LogitBrightness()(images, change)[0, 0, 0]
    assert float((found - torch.tensor(expected)).abs().max()) <= 0.5 / 255 + 1e-5


@pytest.mark.parametrize("scale", [0.5, 1.17, 2.74, 6.41])
def test_contrast_is_a_multiple_of_the_logit(scale):
    images = torch.arange(1, 255).view(1, 1, 1, -1).expand(1, 1, 16, -1) / 255
    expected = [_sigmoid(scale * math.log(x / (1 - x))) for x in images[0, 0, 0].tolist()]
    found = LogitContrast()(images, scale)[0, 0, 0]
    assert float((found - torch.tensor(expected)).abs().max()) <= 0.5 / 255 + 1e-5


def test_the_ends_are_black_white_and_grey():
    images = _levels(2, 3, 16, 16)
    images[0, 0, 0, 0], images[0, 0, 0, 1] = 0, 1
    assert torch.equal(LogitBrightness()(images, 0), torch.zeros_like(images))
    assert torch.equal(LogitBrightness()(images, 1), torch.ones_like(images))
    assert torch.equal(LogitContrast()(images, 0), torch.full_like(images, 128 / 255))  # 127.5, rounded


@pytest.mark.parametrize("kind", [LogitBrightness, LogitContrast])
def test_black_and_white_images_stay_what_they_are(kind):
    images = _levels(2, 1, 16, 16).round()
    for strength in STRENGTHS[kind.name]:
        assert torch.equal(kind()(images, strength), images)


# --- RGB randomise


def test_red_alone_changes_and_stays_under_an_even_limit_of_the_image():
    images = _levels(400, 3, 16, 16)
    found = RgbRandomise()(images, 0.5)
    assert torch.equal(found[:, 1:], images[:, 1:])
    limits = found[:, 0].flatten(1).amax(1)
    assert float(limits.max()) <= 0.5
    # 400 limits spread evenly from 0 to 0.5: mean 0.25 ± 4 · 0.144/20; their values half of that.
    assert abs(float(limits.mean()) - 0.25) < 0.03
    assert abs(float(found[:, 0].mean() / limits.mean()) - 0.5) < 0.01


def test_the_noise_grows_with_the_threshold_and_follows_the_seed():
    images = _levels(2, 3, 16, 16)
    low, high = (RgbRandomise()(images, threshold)[:, 0] for threshold in (0.4, 0.8))
    assert float((high - 2 * low).abs().max()) <= 1.5 / 255 + 1e-6
    assert not torch.equal(RgbRandomise()(images, 0.8, seed=1)[:, 0], high)


def test_a_grey_image_is_the_grey_of_its_rgb():
    grey = _levels(3, 1, 16, 16)
    found = RgbRandomise()(grey, 0.99)
    least, most = 0.701 * grey, 0.701 * grey + 0.299 * 0.99
    assert bool((found >= least - 0.5 / 255 - 1e-6).all())
    assert bool((found <= most + 0.5 / 255 + 1e-6).all())
    assert len(((found - least) * 255).round().unique()) > 10


# --- jitter


def test_a_pixel_takes_the_place_of_one_near_by():
    """On a plane of grey the value tells the place: offsets fill ±reach evenly, both ways and independently."""
    size, magnitude = 64, 0.05
    reach = magnitude * (size - 1) / 2
    steps = torch.arange(size) / 255
    x, y = steps.expand(1, 1, size, size), steps[:, None].expand(1, 1, size, size)
    images = torch.cat([x, y, torch.zeros_like(x)], 1)
    moved = Jitter()._changed(images, magnitude, 0)
    inside = (slice(None), slice(None), slice(2, -2), slice(2, -2))
    offsets = ((moved - images)[inside] * 255)[0, :2].flatten(1)
    assert float(offsets.abs().max()) <= reach + 1e-3
    assert float(offsets.max()) > 0.99 * reach
    assert float(offsets.min()) < -0.99 * reach
    assert offsets.mean(1).abs().max() < 0.06  # 3,600 even draws: 4 · 0.92/60
    assert offsets.std(1) / reach == pytest.approx([3**-0.5] * 2, rel=0.04)
    assert abs(float(torch.corrcoef(offsets)[0, 1])) < 0.07
    back = Jitter()._changed(images, -magnitude, 0)
    assert torch.allclose((back - images)[inside], -(moved - images)[inside], atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "magnitude"), [((2, 3, 32, 32), 0.05), ((2, 1, 28, 28), -0.03), ((1, 3, 96, 80), 0.05)]
)
def test_values_come_from_the_neighbourhood_only(shape, magnitude):
    images = _levels(*shape)
    reach = math.ceil(abs(magnitude) * (max(shape[2:]) - 1) / 2)
    around = torch.nn.functional.pad(images, (reach,) * 4, mode="reflect")
    most = torch.nn.functional.max_pool2d(around, 2 * reach + 1, 1)
    least = -torch.nn.functional.max_pool2d(-around, 2 * reach + 1, 1)
    found = Jitter()(images, magnitude)
    assert bool((found <= most).all())
    assert bool((found >= least).all())
    assert not torch.equal(found, Jitter()(images, magnitude, seed=1))


# --- refusals


@pytest.mark.parametrize(
    ("corruption", "strength", "sentence"),
    [
        (Rotation(), 181, "−180 to 180 degrees were expected, not 181"),
        (LogitBrightness(), -0.1, r"0 \(black\) to 1 \(white\) was expected, not -0.1"),
        (LogitContrast(), -1, "at least 0 was expected, not -1"),
        (LogitContrast(), math.inf, "at least 0 was expected, not inf"),
        (RgbRandomise(), 1.1, "threshold of 0 to 1 was expected, not 1.1"),
        (Jitter(), math.nan, "−1 to 1 was expected, not nan"),
    ],
)
def test_strengths_out_of_range_are_refused(corruption, strength, sentence):
    with pytest.raises(InputError, match=sentence):
        corruption(torch.zeros(1, 3, 16, 16), strength)
