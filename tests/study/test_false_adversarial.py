"""False adversarial images against closed forms, in integers."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from pixelproof.plans.study.false_adversarial import (
    budgets,
    channel_sum_l2,
    false_sample,
    flattest,
    nearest_colour,
)
from pixelproof.runs.distances import pixel_distances

IMAGES = arrays.arrays(np.uint8, st.tuples(st.integers(1, 6), st.integers(1, 6), st.sampled_from([1, 3])))


def chessboard(dark: int, light: int, side: int = 8) -> np.ndarray:
    """Half of the pixels each, so the nearest colour lies in the middle."""
    squares = np.indices((side, side)).sum(0) % 2
    return np.where(squares, light, dark).astype(np.uint8)[..., None].repeat(3, -1)


def test_the_budgets_are_one_pixels_largest_change() -> None:
    assert [sqrt(budget) for budget in budgets(3)] == [pytest.approx(441.6729559), 765.0]
    assert [sqrt(budget) for budget in budgets(1)] == [255.0]
    clean = np.zeros((2, 4, 3), np.uint8)
    changed = clean.copy()
    changed[0, 0] = 255
    assert pixel_distances(changed, clean)["l2"] ** 2 == pytest.approx(budgets(3)[0])
    assert channel_sum_l2(changed, clean) ** 2 == budgets(3)[1]


def test_the_nearest_colour_is_the_rounded_mean() -> None:
    image = np.array([[[0, 10, 255]], [[1, 11, 255]], [[1, 10, 254]]], np.uint8)
    assert nearest_colour(image) == (1, 10, 255)
    assert nearest_colour(chessboard(100, 140)) == (120, 120, 120)
    distances = {c: int(((image[..., 0].astype(int) - c) ** 2).sum()) for c in range(256)}
    assert min(distances, key=distances.__getitem__) == 1


def test_a_chessboard_by_closed_form() -> None:
    """All 192 values lie 20 from the middle; moving each by d costs √192 · d."""
    clean = chessboard(100, 140)
    for moved in (1, 7, 19):
        false = false_sample(clean, 192 * moved**2)
        assert false.colour == (120, 120, 120)
        assert (false.image == chessboard(100 + moved, 140 - moved)).all()
        assert false.l2 == pytest.approx(sqrt(192) * moved)
        assert false.contrast == pytest.approx(1 - moved / 20)
        assert (false_sample(clean, 192 * moved**2 - 1).image == chessboard(99 + moved, 141 - moved)).all()
    whole = false_sample(clean, 192 * 20**2)
    assert (whole.image == 120).all()
    assert whole.contrast == 0
    assert (false_sample(clean, 10**9).image == 120).all()
    assert (false_sample(clean, 0).image == clean).all()


def test_an_image_of_one_colour_stays() -> None:
    clean = np.full((3, 3, 3), 7, np.uint8)
    false = false_sample(clean, budgets(3)[0])
    assert (false.image == clean).all()
    assert (false.l2, false.contrast) == (0, 0)


@settings(max_examples=60, deadline=None)
@given(IMAGES, st.integers(0, 3 * 255**2))
def test_the_budget_is_kept_and_spent(clean: np.ndarray, budget: int) -> None:
    false = false_sample(clean, budget)
    colour = np.array(false.colour)
    spent = int(((false.image.astype(int) - clean) ** 2).sum())
    assert spent <= budget
    before, after = np.abs(clean.astype(int) - colour), np.abs(false.image.astype(int) - colour)
    assert (after <= before).all()
    assert ((false.image.astype(int) - colour) * (clean.astype(int) - colour) >= 0).all()
    if after.any():  # one grey step more of every value that still has one would cost too much
        further = false.image + np.sign(colour - false.image.astype(int))
        assert int(((further - clean) ** 2).sum()) > budget


@settings(max_examples=60, deadline=None)
@given(IMAGES, st.data())
def test_within_the_euclidean_budget_is_within_the_other(clean: np.ndarray, data: st.DataObject) -> None:
    image = data.draw(arrays.arrays(np.uint8, clean.shape))
    l2 = float(pixel_distances(image, clean)["l2"])
    assert l2 <= channel_sum_l2(image, clean) + 1e-9
    assert channel_sum_l2(image, clean) <= sqrt(clean.shape[2]) * l2 + 1e-9


def test_the_flattest_comes_first() -> None:
    images = np.stack([chessboard(100, 140), chessboard(7, 7), chessboard(100, 120), chessboard(50, 70)])
    assert flattest(images) == [1, 2, 3, 0]
