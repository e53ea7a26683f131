"""Snow, frost, fog and spatter, against implementations pixel by pixel, SciPy, and imagecorruptions in distribution."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import ndimage

from pixelproof.corruptions.fog import Fog
from pixelproof.corruptions.frost import Frost, _grown
from pixelproof.corruptions.plasma_fractal import plasma_fractal
from pixelproof.corruptions.snow import Snow
from pixelproof.corruptions.spatter import Spatter, _equalised, _shading, canny_edges, distance_to
from pixelproof.data import load_data
from pixelproof.image_draws import normal_numbers, uniform_numbers
from severity_kit import (
    SHAPES,
    check_between,
    check_grey_stays_grey,
    check_growth,
    check_images,
    real_images,
    the_reference,
)

pytestmark = pytest.mark.slow

WEATHER = (Snow, Frost, Fog, Spatter)
TABLES = ("imagenet", "cifar")
#: Severities at which the constants themselves change an image less than those before.
FALLS = {
    ("frost", "imagenet"): (4,),  # less of the image, no more of the frost
    ("frost", "cifar"): (4, 5),
    ("spatter", "cifar"): (4,),  # from water to mud
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("made", WEATHER)
def test_it_keeps_to_the_contract(made, table, shape):
    images = real_images(shape)
    check_images(made(table), images[:3], random=True)
    check_growth(made(table), images, falls=FALLS.get((made.name, table), ()))
    if shape != "224x224x3":
        check_between(made(table), images)


@pytest.mark.parametrize("made", [Snow, Fog])
def test_grey_stays_grey(made):
    check_grey_stays_grey(made())


def test_other_heights_than_widths():
    images = real_images("32x32x3")[:2, :, :17, :30].contiguous()
    for made in WEATHER:
        for severity in (1, 4):
            assert made()(images, severity).shape == images.shape


def test_a_plasma_fractal_point_by_point():
    images = real_images("32x32x3")[:2, :, :16, :14].contiguous()
    numbers = uniform_numbers(images, 255, 3).double().numpy()
    found = plasma_fractal(images, 1.5, 3).numpy()
    assert found.shape == (2, 1, 16, 14)
    for each, drawn in zip(found, numbers, strict=True):
        assert np.abs(each[0] - _diamond_square(16, 1.5, list(drawn))[:, :14]).max() < 1e-5


def _diamond_square(size: int, decay: float, numbers: list[float]) -> np.ndarray:
    field = np.zeros((size, size))
    step, amplitude = size, 1.0
    while step > 1:
        half = step // 2
        corners = [(y, x) for y in range(0, size, step) for x in range(0, size, step)]
        for down, right in ((half, half), (0, half), (half, 0)):
            straight = ((-half, 0), (half, 0), (0, -half), (0, half))
            slanted = ((-half, -half), (-half, half), (half, -half), (half, half))
            for y, x in corners:
                near = slanted if down and right else straight
                around = [field[(y + down + dy) % size, (x + right + dx) % size] for dy, dx in near]
                field[y + down, x + right] = sum(around) / 4 + amplitude * numbers.pop(0)
        step, amplitude = half, amplitude / decay**2
    return (field - field.min()) / np.ptp(field)


@pytest.mark.parametrize(
    ("table", "severity", "thickness"), [("imagenet", 1, 1.5), ("cifar", 5, 1.5), ("cifar", 2, 0.5)]
)
def test_fog_over_white_and_black(table, severity, thickness):
    white = torch.ones(1, 3, 32, 32)
    found = Fog(table)(white, severity)
    assert found.max() == 1
    assert abs(float(found.min()) - 1 / (1 + thickness)) < 0.501 / 255
    assert Fog(table)(white * 0, severity).max() == 0  # its largest value is kept


def test_frost_has_the_statistics_of_photographs():
    """Of the first five, those of imagecorruptions-imaug 1.1.5, measured in 400 crops of 224×224 and 32×32 each.

    Means of red, green and blue 0.564, 0.647, 0.694; grey means 0.635 ± 0.147 over the photographs; grey standard
    deviations within a crop 0.056 to 0.14, mean 0.090; autocorrelation at 1, 4 and 16 pixels 0.78, 0.48, 0.32.
    """
    noise = torch.randint(0, 256, (300, 3, 52, 52), generator=torch.Generator().manual_seed(0)) / 255
    ice = _grown(noise[..., :32, :32].contiguous(), 0)
    assert torch.allclose(ice.mean((0, 2, 3)), torch.tensor([0.564, 0.647, 0.694]), atol=0.03)
    assert abs(float(ice.mean((1, 2, 3)).std()) - 0.152) < 0.02
    assert abs(float(ice.mean(1).std((1, 2)).mean()) - 0.090) < 0.01
    assert ice.mean(1).std((1, 2)).min() > 0.05
    large = _grown(noise.view(-1)[: 5 * 3 * 224 * 224].view(5, 3, 224, 224), 0).mean(1)
    large = large - large.mean((1, 2), keepdim=True)
    for lag, expected in ((1, 0.78), (4, 0.48), (16, 0.32)):
        assert abs(float((large[..., lag:] * large[..., :-lag]).mean() / large.square().mean()) - expected) < 0.12


@pytest.mark.parametrize(("table", "severity"), [("imagenet", 1), ("imagenet", 4), ("cifar", 2), ("cifar", 5)])
def test_snow_tap_by_tap(table, severity):
    images = real_images("32x32x3")[:4]
    corruption = Snow(table)
    noise = normal_numbers(images, 1024, 0).view(4, 32, 32).double().numpy()
    turns = uniform_numbers(images, 1, ~0).flatten().tolist()
    expected = [
        _snow(*each, *corruption.constants(severity)) for each in zip(images.numpy(), noise, turns, strict=True)
    ]
    off = (corruption(images, severity) - torch.from_numpy(np.stack(expected)).clamp(0, 1)).abs() * 255
    assert off.mean() < 0.5  # flakes are rounded to grey levels before they are added
    assert off.max() < 2.6


def _snow(image, noise, turn, mean, deviation, zoom, threshold, radius, sigma, kept) -> np.ndarray:
    taken = math.ceil(32 / zoom)
    first = (32 - taken) // 2
    flakes = ndimage.zoom(noise[first : first + taken, first : first + taken] * deviation + mean, zoom, order=1)
    first = (len(flakes) - 32) // 2
    flakes = flakes[first : first + 32, first : first + 32]
    flakes = np.where(flakes < threshold, 0, flakes.clip(0, 1))
    steps = np.arange(2 * int(radius) + 1)
    weights = np.exp(-(steps**2) / (2 * sigma**2))
    angle = math.pi / 2 - abs(turn) * math.pi / 4
    side = 1 if turn >= 0 else -1
    fallen = np.zeros((32, 32))
    y, x = np.mgrid[:32, :32]
    for step, weight in zip(steps, weights / weights.sum(), strict=True):
        down = math.ceil(step * math.sin(angle) - 0.5)
        right = side * math.ceil(step * math.cos(angle) - 0.5)
        fallen += weight * flakes[(y - down).clip(0, 31), (x - right).clip(0, 31)]
    lightness = np.einsum("c,cyx->yx", [0.299, 0.587, 0.114], image)
    lifted = np.maximum(image, lightness * 1.5 + 0.5)
    return kept * image + (1 - kept) * lifted + fallen + fallen[::-1, ::-1]


@pytest.mark.parametrize("most", [1, 5, 20, 40])
def test_distances_are_euclidean(most):
    marked = torch.rand(3, 1, 40, 33, generator=torch.Generator().manual_seed(0)) < 0.004
    marked[2] = False
    found = distance_to(marked, most)
    for each, where in zip(found[:2, 0].numpy(), marked[:2, 0].numpy(), strict=True):
        assert np.abs(each - ndimage.distance_transform_edt(~where).clip(0, most)).max() < 1e-5
    assert (found[2] == most).all()


def test_edges_are_cannys():
    noise = torch.randn(3, 1, 40, 36, generator=torch.Generator().manual_seed(1)).numpy()
    levels = np.round((ndimage.gaussian_filter(noise, (0, 0, 1.5, 1.5)) * 300 + 100).clip(0, 255))
    found = canny_edges(torch.from_numpy(levels), 50, 150)
    for each, image in zip(found[:, 0].numpy(), levels[:, 0], strict=True):
        assert 100 < each.sum() < 1000
        assert np.array_equal(each, _canny(image, 50, 150))


def _canny(image: np.ndarray, low: float, high: float) -> np.ndarray:
    x, y = (ndimage.sobel(image, axis, mode="nearest") for axis in (1, 0))
    size = np.pad(np.abs(x) + np.abs(y), 1)
    ridge = np.zeros(image.shape, bool)
    for (row, column), _ in np.ndenumerate(image):
        across, down = x[row, column], y[row, column]
        angle = math.degrees(math.atan2(abs(down), abs(across)))
        if angle < 22.5:
            step, strict = (0, 1), False
        elif angle > 67.5:
            step, strict = (1, 0), False
        else:
            step, strict = (1, -1 if (across < 0) != (down < 0) else 1), True
        here = size[row + 1, column + 1]
        before = size[row + 1 - step[0], column + 1 - step[1]]
        behind = size[row + 1 + step[0], column + 1 + step[1]]
        ridge[row, column] = here > low and here > before and (here > behind if strict else here >= behind)
    groups, _ = ndimage.label(ridge, np.ones((3, 3)))
    strong = np.unique(groups[ridge & (size[1:-1, 1:-1] > high)])
    return np.isin(groups, strong[strong > 0])


def test_an_equalised_histogram():
    levels = torch.randint(0, 21, (2, 1, 16, 16), generator=torch.Generator().manual_seed(2)).float()
    levels[1] = 7
    found = _equalised(levels)
    flat = levels[0].flatten()
    share = [(float((flat <= level).sum()) - float((flat == flat.min()).sum())) for level in flat]
    expected = torch.tensor(share) * 255 / float((flat > flat.min()).sum())
    assert (found[0].flatten() - expected).abs().max() <= 0.5001
    assert (found[1] == 7).all()


def test_shading_against_opencv():
    cv2 = pytest.importorskip("cv2")
    images = torch.rand(12, 3, 96, 96, generator=torch.Generator().manual_seed(3))
    noise = normal_numbers(images, 96 * 96, 0).view(12, 96, 96).numpy()
    for sigma, threshold in ((4, 0.69), (3, 0.68), (1, 0.69)):
        liquid = ndimage.gaussian_filter(noise, (0, sigma, sigma), mode="nearest") * 0.3 + 0.65
        liquid = np.where(liquid < threshold, 0, liquid).astype(np.float32)
        found = _shading(torch.from_numpy(liquid)[:, None])[:, 0].numpy()
        expected = np.stack([_opencv_shading(cv2, (each * 255).astype(np.uint8)) for each in liquid])
        assert expected.mean() > 0.005
        assert abs(found.mean() / expected.mean() - 1) < 0.06
        assert np.square(found - expected).mean() < 0.03 * np.square(expected).mean()


def _opencv_shading(cv2, liquid: np.ndarray) -> np.ndarray:
    distance = cv2.distanceTransform(255 - cv2.Canny(liquid, 50, 150), cv2.DIST_L2, 5)
    distance = cv2.equalizeHist(cv2.blur(np.minimum(distance, 20), (3, 3)).astype(np.uint8))
    relief = cv2.filter2D(distance, cv2.CV_8U, np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]]))
    shading = liquid * cv2.blur(relief, (3, 3)).astype(np.float32)
    return shading / shading.max()


def test_mud_covers_the_lens():
    images = real_images("32x32x3")[:2]
    found = Spatter(rounding="nearest")(images, 5)
    noise = normal_numbers(images, 1024, 0).view(2, 32, 32).double().numpy()
    liquid = ndimage.gaussian_filter(noise, (0, 1, 1), mode="nearest") * 0.4 + 0.67
    mud = ndimage.gaussian_filter((liquid > 0.65) * 1.0, (0, 1.5, 1.5), mode="nearest")
    mud = np.where(mud < 0.8, 0, mud)[:, None]
    expected = images.numpy() * (1 - mud) + mud * np.array([63, 42, 20]).reshape(3, 1, 1) / 255
    assert np.abs(found.numpy() - expected).max() < 0.51 / 255


@pytest.mark.parametrize(("made", "within"), [(Snow, 0.08), (Fog, 0.05), (Spatter, 0.06)])
def test_it_agrees_with_imagecorruptions_in_distribution(made, within):
    """The standard deviation of the change and the distance to the image, and the mean change, over 150 images.

    Enlarged for spatter: without a single drop the reference's image is black, as often happens at 32×32.
    """
    corrupt = the_reference()
    pixels = load_data("bundled").images[:150].copy()
    if made is Spatter:
        pixels = pixels[:40].repeat(4, 1).repeat(4, 2)
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous() / 255
    np.random.seed(0)  # noqa: NPY002 - the reference draws from it
    for severity in range(1, 6):
        theirs = np.stack([corrupt(each, severity, made.name) for each in pixels])
        theirs = torch.from_numpy(theirs).permute(0, 3, 1, 2).float().sub(images * 255)  # type: ignore[assignment]
        ours = made()(images, severity).sub(images).mul(255)
        for spread in (torch.std, lambda change: change.square().mean((1, 2, 3)).sqrt().mean()):
            assert abs(float(spread(ours)) / float(spread(theirs)) - 1) < within, (severity, spread)  # type: ignore[call-overload]
        assert abs(float(ours.mean() - theirs.mean())) < 2 + within * float(theirs.abs().mean())  # type: ignore[attr-defined]
