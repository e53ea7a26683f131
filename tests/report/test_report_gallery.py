"""The gallery's choice and its pictures."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from pixelproof.report.gallery import choose, gallery
from pixelproof.report.picture import amplified, changed_pixels, data_uri, shown_size
from pixelproof.results.view import read
from pixelproof.runs.store import RunStore

RunMaker = Callable[..., RunStore]


def opened(uri: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(uri.removeprefix("data:image/png;base64,"))))


def test_choice_is_varied_and_ends_with_the_hardest(make_run: RunMaker) -> None:
    won = [r for r in make_run(count=60, classes=10).records() if r.success and r.inherited_from is None]
    chosen = choose(won)
    assert len(chosen) == 4
    assert chosen[-1].queries == max(r.queries for r in won)
    assert len({r.label for r in chosen}) == 4
    assert choose(won) == chosen
    assert len(choose(won[:2])) == 2


def test_each_level_says_of_how_many(make_run: RunMaker) -> None:
    run = make_run(count=40)
    view = read(run)
    levels = gallery(view, run)
    assert levels[0].heading.startswith("Few-pixel (L0), 1 pixel: ")
    for level in levels:
        assert 1 <= len(level.examples) <= 4
        assert "first fooled here" in level.heading
        assert all(len(example.pictures) == 3 for example in level.examples)


@pytest.mark.parametrize(
    ("shape", "mode", "size"),
    [
        ((8, 6, 1), "L", (6, 8)),
        ((8, 6, 3), "RGB", (6, 8)),
        ((8, 6, 4), "L", (6, 8)),
        ((512, 256, 3), "RGB", (128, 256)),
    ],
)
def test_pictures(shape: tuple[int, int, int], mode: str, size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    picture = opened(data_uri(image))
    assert (picture.mode, picture.size) == (mode, size)
    if mode == "RGB" and size == (6, 8):
        assert np.array_equal(np.asarray(picture), image)


@pytest.mark.parametrize(
    ("change", "factor", "shown"),
    [(1, "× 100", 228), (-1, "× 100", 28), (10, "× 10", 228), (-200, "÷ 2", 28), (255, "÷ 2", 255)],
)
def test_differences_are_amplified_about_grey(change: int, factor: str, shown: int) -> None:
    clean = np.full((4, 4, 3), 255 if change < 0 else 0, np.uint8)
    adversarial = clean.copy()
    adversarial[1, 2, 0] = int(clean[1, 2, 0]) + change
    picture, named = amplified(clean, adversarial)
    assert named == factor
    assert picture[1, 2, 0] == shown
    assert picture[0, 0, 0] == 128
    assert changed_pixels(clean, adversarial) == [(2, 1)]


def test_one_pixel_of_a_large_image_stays_visible() -> None:
    clean = np.zeros((700, 500, 3), np.uint8)
    adversarial = clean.copy()
    adversarial[699, 499] = 255
    picture, _ = amplified(clean, adversarial)
    assert max(picture.shape) <= 256
    assert picture[-1, -1].max() == 255


@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [(32, 32, (160, 160)), (28, 28, (168, 168)), (224, 112, (80, 160)), (1, 1000, (160, 1))],
)
def test_size_on_the_page(height: int, width: int, expected: tuple[int, int]) -> None:
    assert shown_size(height, width) == expected
