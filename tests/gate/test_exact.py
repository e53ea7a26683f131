"""Exact tests against brute force, closed forms and an independent implementation."""

from __future__ import annotations

from fractions import Fraction
from functools import partial
from itertools import product
from math import comb, isclose

import pytest
from scipy import stats

from pixelproof.results import exact


def tail(count: int, trials: int, share: Fraction) -> Fraction:
    """P(at least ``count``), in fractions."""
    ways = range(count, trials + 1)
    return sum((comb(trials, k) * share**k * (1 - share) ** (trials - k) for k in ways), Fraction(0))


@pytest.mark.parametrize("share", [Fraction(1, 2), Fraction(2, 5), Fraction(1, 100)])
def test_binomial_tails(share: Fraction) -> None:
    for trials, count in product((1, 2, 7, 40), range(-1, 42)):
        if count <= trials:
            assert exact.at_least(count, trials, float(share)) == pytest.approx(
                float(tail(max(0, count), trials, share))
            )
            assert exact.at_most(count, trials, float(share)) == pytest.approx(
                float(1 - tail(max(0, count + 1), trials, share)) if count >= 0 else 0.0
            )


@pytest.mark.parametrize(("hits", "total"), [(0, 10), (3, 10), (10, 10), (1, 1), (57, 200)])
def test_bounds_are_those_of_clopper_and_pearson(hits: int, total: int) -> None:
    interval = stats.binomtest(hits, total).proportion_ci(0.9, "exact")
    assert exact.lower_bound(hits, total, 0.05) == pytest.approx(interval.low)
    assert exact.upper_bound(hits, total, 0.05) == pytest.approx(interval.high)


@pytest.mark.parametrize(("worse", "better"), [(0, 0), (1, 0), (5, 0), (0, 5), (12, 3), (3, 12), (7, 7)])
def test_mcnemar(worse: int, better: int) -> None:
    both = 1.0 if worse + better == 0 else stats.binomtest(worse, worse + better, 0.5).pvalue
    one = 1.0 if worse + better == 0 else stats.binomtest(worse, worse + better, 0.5, "greater").pvalue
    assert exact.differ(worse, better) == pytest.approx(both)
    assert exact.more_often(worse, better) == pytest.approx(one)


def test_holm_by_hand() -> None:
    assert exact.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert exact.holm([]) == []
    assert exact.holm([0.6, 0.7]) == [1.0, 1.0]
    values = [0.2, 0.001, 0.03, 0.03, 0.9]
    rejected = [p <= 0.05 for p in exact.holm(values)]
    assert rejected == _step_down(values, 0.05)


def _step_down(values: list[float], alpha: float) -> list[bool]:
    """Holm's procedure as he tells it: from the smallest on, until one is too large."""
    rejected = [False] * len(values)
    for rank, k in enumerate(sorted(range(len(values)), key=lambda k: values[k])):
        if values[k] > alpha / (len(values) - rank):
            break
        rejected[k] = True
    return rejected


@pytest.mark.parametrize("limit", [0.2, 0.5, 0.9])
def test_the_bound_of_means_is_never_too_small(limit: float) -> None:
    """Coins have the widest tails of all values in [0, 1], so the bound must cover theirs, on both sides."""
    for total in (1, 5, 40):
        for hits in range(total + 1):
            covered = exact.at_most(hits, total, limit) if hits <= limit * total else exact.at_least(hits, total, limit)
            assert exact.mean_tail(hits / total, limit, total) >= covered - 1e-12


def test_the_highest_mean_is_where_the_tail_is_alpha() -> None:
    highest = exact.highest_mean(0.3, 50, 0.05)
    assert exact.mean_tail(0.3, highest, 50) == pytest.approx(0.05)
    assert exact.highest_mean(0.0, 50, 0.05) == pytest.approx(1 - 0.05 ** (1 / 50))  # (1 − m)ⁿ = α
    assert exact.highest_mean(1.0, 50, 0.05) == pytest.approx(1.0)


@pytest.mark.parametrize(("worse", "better"), [(0.3, 0.0), (0.3, 0.1), (0.05, 0.05), (0.9, 0.1)])
def test_power_of_a_change_is_that_of_all_outcomes(worse: float, better: float) -> None:
    samples, alpha, total = 12, 0.05, 0.0
    for up in range(samples + 1):
        for down in range(samples + 1 - up):
            if exact.more_often(up, down) <= alpha and up > down:
                ways = comb(samples, up) * comb(samples - up, down)
                total += ways * worse**up * better**down * (1 - worse - better) ** (samples - up - down)
    assert exact.power_of_change(worse, better, samples, alpha) == pytest.approx(total)


@pytest.mark.parametrize(("truth", "limit"), [(0.6, 0.4), (0.2, 0.4), (0.45, 0.4)])
def test_power_of_a_share_is_that_of_all_outcomes(truth: float, limit: float) -> None:
    samples, alpha, total = 30, 0.05, 0.0
    for hits in range(samples + 1):
        shows = exact.at_least(hits, samples, limit) if truth > limit else exact.at_most(hits, samples, limit)
        if shows <= alpha:
            total += comb(samples, hits) * truth**hits * (1 - truth) ** (samples - hits)
    assert exact.power_of_share(truth, limit, samples, alpha) == pytest.approx(total)


def test_as_many_samples_as_are_recommended_have_the_power_wanted() -> None:
    for truth, limit in ((0.6, 0.4), (0.1, 0.4)):
        number = exact.enough(partial(_has_power, truth, limit), 2)
        assert number is not None
        assert exact.power_of_share(truth, limit, number, 0.05) >= exact.POWER
        assert exact.power_of_share(truth, limit, number // 2, 0.05) < exact.POWER
    assert exact.enough(lambda n: False, 2) is None
    assert exact.enough(lambda n: n >= 17, 2) == 17
    assert exact.enough(lambda n: True, 16) == 17


def _has_power(truth: float, limit: float, samples: int) -> bool:
    return exact.power_of_share(truth, limit, samples, 0.05) >= exact.POWER


def test_nothing_that_changes_is_never_found() -> None:
    assert exact.power_of_change(0.0, 0.0, 100, 0.05) == 0.0
    assert isclose(exact.power_of_change(1.0, 0.0, 5, 0.05), 1.0)  # ½⁵ < 0.05
    assert exact.power_of_change(1.0, 0.0, 4, 0.05) == 0.0
