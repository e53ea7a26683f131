"""Rank correlations against scipy and by hand."""

from __future__ import annotations

from math import inf, nan

import numpy as np
import pytest
from scipy.stats import spearmanr

from pixelproof.errors import InputError
from pixelproof.jobs.clever import rank_correlation


def test_the_value_is_scipys_also_with_ties() -> None:
    generator = np.random.default_rng(0)
    xs = generator.integers(0, 8, 40).astype(float)
    ys = xs + generator.normal(0, 4, 40).round()
    found, expected = rank_correlation(xs, ys), spearmanr(xs, ys)
    assert found.rho == pytest.approx(expected.statistic)
    assert found.p_value == pytest.approx(expected.pvalue, abs=0.01)
    assert found.low is not None
    assert found.high is not None
    assert found.low < expected.statistic < found.high
    assert found.samples == 40


def test_the_p_value_of_few_pairs_is_that_of_all_their_pairings() -> None:
    found = rank_correlation([1, 2, 3, 4], [1, 2, 3, 4])
    assert found.rho == pytest.approx(1)
    assert found.p_value == pytest.approx(2 / 24, abs=0.01)  # in order, or reversed


def test_an_image_that_nothing_fooled_lies_beyond_all_others() -> None:
    assert rank_correlation([1, 2, 3, 4], [5, 6, 7, inf]) == rank_correlation([1, 2, 3, 4], [5, 6, 7, 8])


def test_a_side_that_is_all_equal_has_no_correlation() -> None:
    assert rank_correlation([1, 1, 1], [1, 2, 3]).rho is None


def test_a_seed_gives_the_same_interval() -> None:
    xs, ys = [3, 1, 4, 1, 5, 9, 2], [2, 7, 1, 8, 2, 8, 1]
    assert rank_correlation(xs, ys, seed=3) == rank_correlation(xs, ys, seed=3)
    assert rank_correlation(xs, ys, seed=3) != rank_correlation(xs, ys, seed=4)


@pytest.mark.parametrize(("xs", "ys"), [([1, 2], [1, 2]), ([1, 2, 3], [1, 2]), ([1, 2, nan], [1, 2, 3])])
def test_what_are_no_pairs_is_refused(xs: list[float], ys: list[float]) -> None:
    with pytest.raises(InputError, match="at least 3 pairs"):
        rank_correlation(xs, ys)
