"""The aim of a lane that seeks its minimal threshold, driven by oracles whose answers are known."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from pixelproof.engine.aim import BETWEEN, FIRST, SHORTEST, UPWARD, Aim

QUERIES, STEP = 1000, 20
Distance = Callable[[int, int], int]  # true minimum and limit to the distance of the image found

DISTANCES: dict[str, Distance] = {
    "as far as allowed": lambda minimum, limit: limit,
    "halfway": lambda minimum, limit: (minimum + limit + 1) // 2,
    "the nearest": lambda minimum, limit: minimum,
}


@dataclass
class Climb:
    """What an aim did: every limit it tried, with the smallest threshold found before, and the queries spent."""

    aim: Aim
    tried: list[tuple[int, int | None]]
    spent: int


def climb(
    minimum: int, largest: int, distance: Distance, *, knows: bool, queries: int = QUERIES, step: int = STEP
) -> Climb:
    """Rounds of ``step`` queries: fooled wherever the limit allows it, else infeasible if the search ``knows``."""
    aim, tried, spent = Aim(largest, queries), [], 0
    while spent < queries and not aim.over:
        tried.append((aim.limit, aim.found))
        spent += step
        if aim.limit >= minimum:
            aim.hit(distance(minimum, aim.limit), spent)
        if not aim.over:  # as the engine does, after a hit as well
            aim.missed(spent, infeasible=knows and aim.limit < minimum)
    return Climb(aim, tried, spent)


every_distance = pytest.mark.parametrize("distance", DISTANCES.values(), ids=DISTANCES.keys())


@pytest.mark.parametrize("largest", [127, 255])
@pytest.mark.parametrize("knows", [True, False])
@every_distance
def test_the_smallest_threshold_is_reached_whatever_it_is(distance: Distance, knows: bool, largest: int) -> None:
    for minimum in range(1, largest + 1):
        done = climb(minimum, largest, distance, knows=knows)
        assert done.aim.found == minimum
        assert done.aim.over or (not knows and done.aim.limit == minimum - 1)  # what is left goes into one less
        for limit, found in done.tried:
            assert 1 <= limit <= largest
            assert found is None or limit < found


@pytest.mark.parametrize("largest", [1, 2, 5, FIRST, 10, 127])
@every_distance
def test_a_search_that_knows_takes_a_logarithmic_number_of_tries(distance: Distance, largest: int) -> None:
    for minimum in range(1, largest + 1):
        done = climb(minimum, largest, distance, knows=True)
        assert done.aim.found == minimum
        # Doublings to the largest, halvings of the last gap, and one try in vain below what was found.
        assert len(done.tried) <= 2 * largest.bit_length() + 1


@pytest.mark.parametrize("largest", [1, 8, 10, 100, 127, 255])
def test_thresholds_double_up_to_the_largest_while_nothing_is_found(largest: int) -> None:
    done = climb(largest + 1, largest, DISTANCES["the nearest"], knows=True)
    expected = [FIRST * 2**k for k in range(6) if FIRST * 2**k < largest] + [largest]
    assert [limit for limit, _ in done.tried] == expected
    assert (done.aim.found, done.aim.over) == (None, True)


def test_a_robust_sample_is_tried_at_the_largest_to_the_end_where_the_search_sees_hope() -> None:
    done = climb(300, 255, DISTANCES["the nearest"], knows=False)
    assert (done.aim.found, done.aim.over, done.aim.limit, done.spent) == (None, False, 255, QUERIES)


def test_a_try_lasts_for_a_share_of_the_queries_that_is_larger_while_nothing_was_found() -> None:
    up, between = (math.ceil(share * 4000 / STEP) for share in (UPWARD, BETWEEN))
    assert up > between > 1
    done = climb(60, 127, DISTANCES["as far as allowed"], knows=False, queries=4000)
    # 8, 16 and 32 in vain, 64 at once; 48 and 56 in vain, 60 is the minimum; 58 in vain, then 59 to the end.
    expected = [8] * up + [16] * up + [32] * up + [64] + [48] * between + [56] * between + [60] + [58] * between
    assert [limit for limit, _ in done.tried[: len(expected)]] == expected
    assert {limit for limit, _ in done.tried[len(expected) :]} == {59}


def test_a_try_takes_some_queries_however_few_there_are() -> None:
    done = climb(50, 127, DISTANCES["the nearest"], knows=False, queries=2 * SHORTEST, step=SHORTEST // 4)
    assert [limit for limit, _ in done.tried] == [8] * 4 + [16] * 4


def test_what_was_tried_in_vain_is_forgotten_once_less_was_found() -> None:
    """A search may fail at a threshold that can be had."""
    aim = Aim(127, QUERIES)
    aim.missed(50, infeasible=False)
    aim.missed(100, infeasible=False)
    assert aim.limit == 32
    aim.hit(6, 110)  # where 8 and 16 were tried in vain
    assert (aim.found, aim.limit, aim.over) == (6, 5, False)
    aim.missed(900, infeasible=False)
    assert (aim.limit, aim.over) == (5, False)  # nothing else is left to try
    aim.hit(2, 901)
    assert (aim.found, aim.limit, aim.over) == (2, 1, False)
    aim.hit(1, 902)
    assert (aim.found, aim.over) == (1, True)


def test_nothing_is_less_than_one() -> None:
    aim = Aim(1, QUERIES)
    assert (aim.limit, aim.over) == (1, False)
    aim.hit(1, 5)
    assert (aim.found, aim.over) == (1, True)
