"""Minimal thresholds, their curve and their areas, against closed forms and the plainest count."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import trapezoid

from pixelproof.results.confusion import class_changes
from pixelproof.results.derived_levels import at_levels, first_level
from pixelproof.results.duality import duality_rows
from pixelproof.results.intervals import Rate
from pixelproof.results.levels import LevelRow, level_rows
from pixelproof.results.minimal import MinimalThresholds, distance, minimal_thresholds
from pixelproof.runs.record import Record, Selection

RecordMaker = Callable[..., Record]
LARGEST = 20


def of(thresholds: list[int | None], largest: int = LARGEST) -> MinimalThresholds:
    """Samples 0, 1, 2 … with these minimal thresholds, None for one never fooled."""
    found = {sample: th for sample, th in enumerate(thresholds) if th is not None}
    never = tuple(sample for sample, th in enumerate(thresholds) if th is None)
    return MinimalThresholds("threshold", found, never, largest, 100.0)


@pytest.fixture
def sought(record: RecordMaker) -> list[Record]:
    """A run of minimal thresholds up to 127: few-pixel 1, 4, 60, never; threshold 2, 3, never (given up), 127."""
    few: list[int | None] = [1, 4, 60, None]
    steps: list[int | None] = [2, 3, None, 127]
    records = []
    for attack, distances in (("few-pixel", few), ("threshold", steps)):
        for sample, d in enumerate(distances):
            own = {"l0": d, "linf": 200} if attack == "few-pixel" else {"l0": 900, "linf": d}
            outcome = {"success": True, **own} if d else {"gave_up": attack == "threshold", "queries": 80}
            records.append(record(constraint=attack, threshold=127, sample=sample, label=sample // 2, **outcome))
    return records


def test_each_norm_has_its_own_distance(sought: list[Record], record: RecordMaker) -> None:
    few, steps = minimal_thresholds(sought)
    assert (few.attack, few.found, few.never, few.largest) == ("few-pixel", {0: 1, 1: 4, 2: 60}, (3,), 127)
    assert (steps.attack, steps.found, steps.never, steps.largest) == ("threshold", {0: 2, 1: 3, 3: 127}, (2,), 127)
    assert few.mean_queries == pytest.approx((3 * 50 + 80) / 4)
    assert distance(record(constraint="unheard-of", threshold=7, success=True, l0=1, linf=1)) == 7


def test_fixed_levels_and_several_searches_give_the_smallest_of_all(record: RecordMaker) -> None:
    records = [
        record(sample=0, threshold=3, success=True, l0=3),
        record(sample=0, threshold=10, success=True, l0=2),
        record(sample=0, threshold=10, method="de", success=True, l0=9),
        record(sample=1, threshold=3),
        record(sample=1, threshold=10, success=True, l0=8),
    ]
    (found,) = minimal_thresholds(reversed(records))
    assert (found.found, found.never, found.largest, found.mean_queries) == ({0: 2, 1: 8}, (), 10, 125)


def test_nothing_of_nothing() -> None:
    assert minimal_thresholds([]) == []


def test_a_run_in_which_nothing_fell() -> None:
    found = of([None, None])
    assert found.quartiles == (inf, inf, inf)
    assert (found.mean, found.area, found.published_area) == (LARGEST, 100 * LARGEST, 0)
    assert found.corners == [0, LARGEST]
    assert found.left(LARGEST) == Rate(2, 2)


@given(st.lists(st.none() | st.integers(1, LARGEST), min_size=1, max_size=40))
def test_against_the_plainest_count(thresholds: list[int | None]) -> None:
    found, n = of(thresholds), len(thresholds)
    curve = [sum(th is None or th > t for th in thresholds) for t in range(LARGEST + 1)]
    assert [found.left(t) for t in range(LARGEST + 1)] == [Rate(stand, n) for stand in curve]
    assert found.area == pytest.approx(100 * sum(curve[:-1]) / n)  # the area under the steps from zero on
    steps = [t for t in range(1, LARGEST + 1) if curve[t] != curve[t - 1]]
    assert found.corners == sorted({0, *steps, LARGEST})
    points = np.array([(t, 100 * (n - curve[t]) / n) for t in steps]).reshape(-1, 2)
    assert found.published_area == pytest.approx(trapezoid(points[:, 0], points[:, 1]))
    high = [LARGEST + 1 if th is None else th for th in thresholds]
    expected = np.quantile(high, [0.25, 0.5, 0.75], method="inverted_cdf")
    assert found.quartiles == tuple(inf if q > LARGEST else q for q in expected)


def test_area_in_closed_form() -> None:
    """Thresholds 1, 2 … n, one sample each: mean (n + 1)/2; published area Σ (2k + 1)/2 = (n² - 1)/2 per n samples."""
    n = 15
    found = of(list(range(1, n + 1)), n)
    assert found.mean == pytest.approx((n + 1) / 2)
    assert found.published_area == pytest.approx(100 / n * (n**2 - 1) / 2)
    assert found.quartiles == (4, 8, 12)


def test_the_published_area_of_lenet() -> None:
    """Vargas & Kotyan (2019), tables IV and VI: LeNet's L0 row, of 100 samples, and its area of 137.5.

    Its four points give 125.5; with the hundredth sample fooled at 14, the published number. The other way round
    (percent over threshold) they give 806.5, so the threshold is what is integrated.
    """
    row: list[int | None] = [*[1] * 58, *[3] * 28, *[5] * 8, *[10] * 5]
    assert of([*row, None], 127).published_area == pytest.approx(125.5)
    assert of([*row, 14], 127).published_area == pytest.approx(137.5)
    assert trapezoid([58, 86, 94, 99], [1, 3, 5, 10]) == pytest.approx(806.5)


def rows_of(records: list[Record], selection: Selection, attack: str) -> list[LevelRow]:
    return [row for row in level_rows(at_levels(records), selection, nested=False) if row.attack == attack]


def test_levels_count_samples_at_or_below(sought: list[Record], selection: Selection) -> None:
    few, steps = rows_of(sought, selection, "few-pixel"), rows_of(sought, selection, "threshold")
    assert [row.threshold for row in few] == [1, 3, 5, 10]
    assert [row.fooled for row in few] == [Rate(1, 4), Rate(1, 4), Rate(2, 4), Rate(2, 4)]
    assert [row.fooled for row in steps] == [Rate(0, 4), Rate(2, 4), Rate(2, 4), Rate(2, 4)]
    assert [row.mean_l0 for row in few] == [1, 1, 2.5, 2.5]
    assert {row.mean_queries for row in few} == {(3 * 50 + 80) / 4}
    assert [row.gave_up for row in steps] == [1, 1, 1, 1]
    assert steps[0].budget == 80
    assert not any(row.elsewhere or row.inherited or row.pending for row in (*few, *steps))


def test_what_does_not_stand_at_a_level_is_a_failure_there(sought: list[Record]) -> None:
    derived = [r for r in at_levels(sought) if (r.attack, r.sample) == ("few-pixel", 1)]
    assert [(r.success, r.predicted, r.l0) for r in derived] == [
        (False, 0, None),
        (False, 0, None),
        (True, 1, 4),
        (True, 1, 4),
    ]


def test_other_views_of_derived_levels(sought: list[Record]) -> None:
    derived = at_levels(sought)
    assert [(r.threshold, r.few_pixel_only, r.threshold_only, r.both) for r in duality_rows(derived)] == [
        (1, 1, 0, 0),
        (3, 0, 1, 1),
        (5, 0, 0, 2),
        (10, 0, 0, 2),
    ]
    assert sum(c.samples for c in class_changes(derived)) == 4


def test_levels_end_at_the_largest_threshold(record: RecordMaker) -> None:
    assert [r.threshold for r in at_levels([record(threshold=4)])] == [1, 3]


@pytest.mark.parametrize(
    ("linf", "largest", "level"), [(1, 127, 1), (2, 127, 3), (10, 127, 10), (11, 127, 127), (4, 4, 4)]
)
def test_first_level(record: RecordMaker, linf: int, largest: int, level: int) -> None:
    assert first_level(record(constraint="threshold", threshold=largest, success=True, linf=linf)) == level


def test_where_a_search_gave_up(record: RecordMaker, selection: Selection) -> None:
    records = [
        record(sample=s, threshold=th, gave_up=(s, th) in {(0, 1), (1, 1), (1, 3)}) for s in range(4) for th in (1, 3)
    ]
    rows = level_rows(records, selection)
    assert [row.gave_up for row in rows] == [2, 1]
