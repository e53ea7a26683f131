"""Splitting agrees with closed forms, asks and tells in turn, and never stops at a plateau."""

from __future__ import annotations

import pytest
import torch
from benchmarks.probability import Case, cases, split
from scipy import stats

from pixelproof.probability.distribution import Distribution
from pixelproof.probability.schedule import Schedule
from pixelproof.probability.splitting import Splitting

SCHEDULE = Schedule()
#: Where a closed form is asked about in a moment; benchmarks/probability.py asks about all, a hundred times.
SHARES = (1e-2, 1e-4, 1e-6, 1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("share", SHARES)
def test_intervals_hold_the_closed_forms(share):
    for case in cases(share):
        found = split(case, 0, SCHEDULE)
        # Of an interval's 5 % some of these must fail at some seed, so this one is five times as far: 1 in 10⁵.
        low, high = found.estimate.low / 5, found.estimate.high * 5
        assert low <= case.share <= high, case.name
        assert found.queries == SCHEDULE.asked(found.dropped) <= 20_000


@pytest.mark.slow
def test_19_in_20_intervals_hold_a_share_that_plain_draws_would_not_see():
    limit = float(stats.norm.isf(1e-5))
    clean = torch.full((2, 2, 1), 128.0)
    case = Case("", Distribution("normal", 1, "continuous"), clean, 1e-5, lambda x: x[:, 0, 0, 0] - 128 - limit)
    held = [split(case, seed, SCHEDULE).estimate for seed in range(20)]
    assert sum(each.low <= 1e-5 <= each.high for each in held) >= 17  # fewer once in 60 times; seeds are fixed


def ended(score) -> Splitting:
    splitting = Splitting(3, SCHEDULE, torch.Generator().manual_seed(0))
    while not splitting.done:
        splitting.tell(score(splitting.ask()))
    return splitting


def test_nothing_that_fails_gives_an_upper_end_alone_and_no_estimate():
    found = ended(lambda x: -torch.ones(len(x)))  # flat: only lots tell points apart
    assert not found.reached
    assert (found.estimate.value, found.estimate.low) == (None, 0.0)
    assert found.estimate.high <= 1e-9
    assert found.queries == SCHEDULE.asked(found.dropped) <= SCHEDULE.queries


def test_a_share_near_the_floor_ends_at_the_last_drop_also_where_few_are_below():
    """Splittings of so small a share use up their drops, some of them with failures in sight."""
    limit = float(stats.norm.isf(1.2e-10))
    for seed in range(3):
        splitting = Splitting(2, SCHEDULE, torch.Generator().manual_seed(seed))
        while not splitting.done:
            splitting.tell(splitting.ask()[:, 0] - limit)
        assert splitting.dropped <= SCHEDULE.most
        assert splitting.estimate.high > 1.2e-10


def test_plateaus_are_passed_by_lot():
    """Scores of −1 but for a failing hundredth: no level says where it lies."""
    limit = float(stats.norm.isf(0.01))
    found = ended(lambda x: torch.where(x[:, 0] > limit, 1.0, -1.0))
    assert found.estimate.low <= 0.01 <= found.estimate.high


def test_everything_that_fails_costs_the_first_draws_alone():
    found = ended(lambda x: torch.ones(len(x)))
    assert (found.dropped, found.queries, found.estimate.value) == (0, SCHEDULE.draws, 1.0)
    assert SCHEDULE.asked(0) == SCHEDULE.draws
    assert found.estimate.high == 1.0


def test_scores_that_are_no_numbers_are_no_failures():
    found = ended(lambda x: torch.full((len(x),), -torch.inf))
    assert not found.reached


def test_the_same_seed_gives_the_same_count():
    one, other = (ended(lambda x: x[:, 0] - 3.5) for _ in range(2))
    assert (one.dropped, one.queries) == (other.dropped, other.queries)


def test_it_asks_and_is_told_in_turn():
    splitting = Splitting(3, SCHEDULE, torch.Generator().manual_seed(0))
    with pytest.raises(RuntimeError, match="2 scores were told of 0"):
        splitting.tell(torch.zeros(2))
    asked = splitting.ask()
    with pytest.raises(RuntimeError, match="asks nothing"):
        splitting.ask()
    with pytest.raises(RuntimeError, match=f"1 scores were told of {len(asked)}"):
        splitting.tell(torch.zeros(1))
