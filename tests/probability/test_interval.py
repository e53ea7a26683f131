"""The interval of a count is Clopper and Pearson's where nothing is replaced, and exact beyond."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pixelproof.probability.interval import _quantile, estimate
from pixelproof.probability.schedule import Schedule

SCHEDULE = Schedule()


@pytest.mark.parametrize("failures", [1000, 999, 500, 60, 40])
def test_without_replacement_it_is_clopper_and_pearsons(failures):
    found = estimate(SCHEDULE.draws - failures, True, SCHEDULE)
    expected = stats.binomtest(failures, SCHEDULE.draws).proportion_ci(0.95, "exact")
    assert found.value == pytest.approx(failures / SCHEDULE.draws)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), rel=1e-6)


@pytest.mark.parametrize("drops", [975, 1100, 1640])
@pytest.mark.parametrize("level", [0.025, 0.975])
def test_with_replacement_the_quantiles_are_those_of_sums_of_exponentials(drops, level):
    rates = SCHEDULE.left(drops)
    sums = (np.random.default_rng(drops).exponential(size=(20_000, drops)) / rates).sum(1)
    assert (sums <= _quantile(rates, level)).mean() == pytest.approx(level, abs=0.005)


def test_equal_rates_give_the_garwood_interval_of_a_poisson_count():
    assert _quantile([50] * 300, 0.975) == pytest.approx(stats.gamma.ppf(0.975, 300) / 50, rel=1e-8)


def test_the_last_drop_lies_below_the_floor_and_within_the_queries():
    assert estimate(SCHEDULE.most, False, SCHEDULE).high <= SCHEDULE.floor
    replaced = SCHEDULE.most - (SCHEDULE.draws - SCHEDULE.kept)
    assert SCHEDULE.draws + replaced * SCHEDULE.moves <= SCHEDULE.queries


def test_fewer_queries_end_the_search_sooner():
    few = Schedule(queries=3000)
    assert few.draws + (few.most - few.draws + few.kept) * few.moves <= 3000
    assert estimate(few.most, False, few).high > SCHEDULE.floor


def test_a_count_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match="1641 drops of at most 1640"):
        estimate(1641, True, SCHEDULE)
