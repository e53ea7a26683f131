"""Level rows against numbers worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from pixelproof.results.intervals import Rate
from pixelproof.results.levels import LevelRow, level_rows, robust_accuracy
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
    """A success below is not counted above, where the search found nothing; but the sample is not robust there."""
    records = [record(sample=s, threshold=th) for s in range(4) for th in (1, 3)]
    records[0] = record(sample=0, success=True, queries=7, l0=1)
    low, high = level_rows(records, selection, nested=False)
    assert (low.fooled, high.fooled) == (Rate(1, 4), Rate(0, 4))
    assert (low.median_queries, low.mean_l0, low.inherited) == (7, 1, 0)
    assert (high.inherited, high.mean_queries, high.median_queries, high.mean_l0) == (0, 50, None, None)
    assert (high.elsewhere, high.robust) == (1, Rate(3, 5))


def test_nested_can_be_said(record: RecordMaker, selection: Selection) -> None:
    records = [record(sample=s, threshold=th) for s in range(4) for th in (1, 3)]
    assert [r.mean_queries for r in level_rows(records, selection)] == [50, 50]
    assert [r.mean_queries for r in level_rows(records, selection, nested=True)] == [50, 100]


def test_an_unfinished_level_has_counts_and_no_rate(record: RecordMaker, selection: Selection) -> None:
    """Both samples that are through inherited their success: that is no rate of all."""
    records = [record(sample=s, threshold=3, success=True, inherited_from=1) for s in (0, 1)]
    (row,) = level_rows(records, selection)
    assert row.pending == 2
    assert (str(row.fooled), row.fooled.value) == ("2/4 so far", None)
    assert (str(row.robust), row.robust.value) == ("0/5 so far", None)


def test_what_another_search_fooled_is_not_robust(record: RecordMaker, selection: Selection) -> None:
    records = [record(sample=s, method=search) for s in range(4) for search in ("cma-es", "de")]
    records[1] = record(sample=0, method="de", success=True)
    row = row_at(level_rows(records, selection), "few-pixel", 1)
    assert (row.fooled.successes, row.elsewhere, row.robust) == (0, 1, Rate(3, 5))


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


def test_targeted_rows_say_so(record: RecordMaker, selection: Selection) -> None:
    (row,) = level_rows([record(sample=s, target=2, constraint="threshold") for s in range(4)], selection)
    assert row.targeted


@pytest.mark.parametrize(
    ("fooled", "expected"),
    [
        (Rate(0, 100), Rate(100, 120)),
        (Rate(30, 100), Rate(70, 120)),
        (Rate(0, 10, 90), Rate(10, 30, 90)),
        (Rate(0, 0, 100), Rate(0, 20, 100)),
    ],
)
def test_robust_accuracy_counts_wrong_images(fooled: Rate, expected: Rate) -> None:
    chosen = Selection("some", 120, tuple(range(100)), (0,) * 100)
    assert robust_accuracy(fooled, chosen) == expected


def test_no_records_no_rows(selection: Selection) -> None:
    assert level_rows([], selection) == []


def test_an_image_that_a_proof_came_upon_is_of_no_search(record: RecordMaker, selection: Selection) -> None:
    """It makes no row of its own, but the sample is broken there and above."""
    records = [record(sample=s, threshold=th) for s in range(4) for th in (1, 3)]
    found = replace(record(sample=2, success=True, queries=9, l0=1), method="bounds")
    low, high = level_rows([*records, found], selection, nested=True)
    assert {low.search, high.search} == {records[0].method}
    assert (low.fooled, low.elsewhere, high.elsewhere) == (Rate(0, 4), 1, 1)
    assert low.robust == high.robust == Rate(3, 5)
