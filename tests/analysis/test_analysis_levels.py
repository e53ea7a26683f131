"""Level rows against numbers worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from pixelproof.results import LevelRow, Rate, claims, highest_safe_level, level_rows, robust_accuracy
from pixelproof.runs.record import Record, Selection

RecordMaker = Callable[..., Record]


def row_at(rows: list[LevelRow], attack: str, threshold: int, search: str = "cma-es") -> LevelRow:
    return next(r for r in rows if (r.attack, r.threshold, r.search) == (attack, threshold, search))


def test_first_level(nested: list[Record], selection: Selection) -> None:
    row = row_at(level_rows(nested, selection), "few-pixel", 1)
    assert row.fooled == Rate(1, 4)
    assert row.robust == Rate(3, 5)
    assert (row.inherited, row.pending, row.elsewhere, row.budget) == (0, 0, 0, 50)
    assert row.mean_queries == pytest.approx((10 + 3 * 50) / 4)
    assert row.median_queries == 10
    assert (row.mean_l0, row.mean_l1, row.mean_l2, row.mean_linf) == (1, 100, 60, 90)
    assert row.verdict == "not safe"
    assert row.sentence() == "1 of 4 fooled (25.0 % [4.6, 69.9]): not 1-pixel-safe"


def test_higher_level_inherits_and_sums_queries(nested: list[Record], selection: Selection) -> None:
    row = row_at(level_rows(nested, selection), "few-pixel", 3)
    assert row.fooled == Rate(2, 4)
    assert row.robust == Rate(2, 5)
    assert row.inherited == 1
    assert row.mean_queries == pytest.approx((10 + (50 + 30) + 100 + 100) / 4)
    assert row.median_queries == pytest.approx((10 + 80) / 2)
    assert (row.mean_l0, row.mean_l1, row.mean_l2, row.mean_linf) == (2, 200, 130, 170)


def test_order_and_number_of_rows(nested: list[Record], selection: Selection) -> None:
    rows = level_rows(list(reversed(nested)), selection)
    assert [(r.attack, r.threshold) for r in rows] == [
        ("few-pixel", 1),
        ("few-pixel", 3),
        ("threshold", 1),
        ("threshold", 3),
    ]
    assert rows == level_rows(nested, selection)


def test_independent_levels_count_alone(record: RecordMaker, selection: Selection) -> None:
    """A success below is not counted above, where the search found nothing; but no safety is claimed there."""
    records = [record(sample=s, threshold=th) for s in range(4) for th in (1, 3)]
    records[0] = record(sample=0, success=True, queries=7, l0=1)
    low, high = level_rows(records, selection, nested=False)
    assert (low.fooled, high.fooled) == (Rate(1, 4), Rate(0, 4))
    assert (low.median_queries, low.mean_l0, low.inherited) == (7, 1, 0)
    assert (high.inherited, high.mean_queries, high.median_queries, high.mean_l0) == (0, 50, None, None)
    assert (high.elsewhere, high.safe, high.verdict) == (1, False, "not safe")


def test_nested_can_be_said(record: RecordMaker, selection: Selection) -> None:
    records = [record(sample=s, threshold=th) for s in range(4) for th in (1, 3)]
    assert [r.mean_queries for r in level_rows(records, selection)] == [50, 50]
    assert [r.mean_queries for r in level_rows(records, selection, nested=True)] == [50, 100]


def test_safe_level_states_budget_and_bound(record: RecordMaker) -> None:
    chosen = Selection("all", 110, tuple(range(100)), (0,) * 100)
    records = [record(sample=s, threshold=th, queries=1000) for s in range(100) for th in (1, 3)]
    rows = level_rows(records, chosen)
    assert all(row.safe for row in rows)
    sentence = "0 of 100 fooled within 1,000 queries each: 3-pixel-safe, at most 3.7 % [95 %]"
    assert rows[1].sentence() == sentence
    assert claims(rows) == [sentence]
    assert highest_safe_level(rows) == 3


def test_unfinished_level_claims_nothing(record: RecordMaker, selection: Selection) -> None:
    (row,) = level_rows([record(sample=0, queries=1), record(sample=1, queries=1)], selection)
    assert (row.pending, row.safe, row.verdict) == (2, False, "undecided")
    assert row.sentence() == "0 of 2 fooled so far within 1 query each: undecided, 2 samples without a record"
    assert highest_safe_level([row]) is None
    assert claims([row]) == [row.sentence()]


def test_another_search_takes_safety_away(record: RecordMaker, selection: Selection) -> None:
    records = [record(sample=s, method=search) for s in range(4) for search in ("cma-es", "de")]
    records[1] = record(sample=0, method="de", success=True)
    rows = level_rows(records, selection)
    row = row_at(rows, "few-pixel", 1)
    assert (row.fooled.successes, row.elsewhere, row.safe, row.verdict) == (0, 1, False, "not safe")
    assert row.sentence().endswith("but 1 at a lower level or by another search: not 1-pixel-safe")
    assert highest_safe_level(rows) is None


def test_levels_climbed_by_two_searches_are_one_chain(record: RecordMaker, selection: Selection) -> None:
    """A run may change its search with the dimension; inherited records then name the upper search."""
    records = [record(sample=s) for s in range(1, 4)] + [record(sample=0, success=True, queries=10, l0=1)]
    records += [record(sample=s, threshold=100, method="sep-cma-es") for s in range(1, 4)]
    records += [replace(records[3], threshold=100, method="sep-cma-es", inherited_from=1, queries=0)]
    row = row_at(level_rows(records, selection), "few-pixel", 100, "sep-cma-es")
    assert row.fooled == Rate(1, 4)
    assert row.inherited == 1
    assert row.mean_queries == pytest.approx((10 + 3 * 100) / 4)
    assert row.median_queries == 10


def test_highest_safe_level_stops_at_the_first_gap(record: RecordMaker, selection: Selection) -> None:
    records = [record(sample=s, threshold=th) for s in range(4) for th in (1, 3, 5)]
    records[-2] = record(sample=3, threshold=3, success=True)
    rows = level_rows(records, selection)
    assert highest_safe_level(rows) == 1
    assert [row.verdict for row in rows] == ["1-pixel-safe", "not safe", "not safe"]
    assert highest_safe_level([]) is None


def test_targeted_rows_say_so(record: RecordMaker, selection: Selection) -> None:
    (row,) = level_rows([record(sample=s, target=2, constraint="threshold") for s in range(4)], selection)
    assert row.targeted
    assert row.name == "1-threshold-safe (targeted)"


@pytest.mark.parametrize(
    ("fooled", "expected"),
    [
        (Rate(0, 100), Rate(100, 120)),
        (Rate(30, 100), Rate(70, 120)),
        (Rate(0, 10), Rate(10, 12)),
        (Rate(0, 0), Rate(0, 0)),
    ],
)
def test_robust_accuracy_counts_wrong_images_in_proportion(fooled: Rate, expected: Rate) -> None:
    chosen = Selection("some", 120, tuple(range(100)), (0,) * 100)
    assert robust_accuracy(fooled, chosen) == expected


def test_no_records_no_rows(selection: Selection) -> None:
    assert level_rows([], selection) == []
