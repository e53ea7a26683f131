"""Classes, curves, norms, changes and queries against numbers worked out by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pixelproof.results.confusion import Change, class_changes
from pixelproof.results.curves import accuracy_curves
from pixelproof.results.duality import DualityRow, duality_rows
from pixelproof.results.intervals import Rate
from pixelproof.results.outcomes import by_attack
from pixelproof.results.per_class import class_rows, pooled_by_class
from pixelproof.results.query_curves import query_curves
from pixelproof.runs.record import Record
from pixelproof.wording import attack_name, count, decimal, listed, percent, plural, safe_name

RecordMaker = Callable[..., Record]


def test_classes(nested: list[Record]) -> None:
    found = {(r.attack, r.threshold, r.label): r.fooled for r in class_rows(nested)}
    assert found == {
        ("few-pixel", 1, 0): Rate(1, 2),
        ("few-pixel", 1, 1): Rate(0, 2),
        ("few-pixel", 3, 0): Rate(2, 2),
        ("few-pixel", 3, 1): Rate(0, 2),
        ("threshold", 1, 0): Rate(1, 2),
        ("threshold", 1, 1): Rate(0, 2),
        ("threshold", 3, 0): Rate(1, 2),
        ("threshold", 3, 1): Rate(1, 2),
    }
    assert pooled_by_class(class_rows(nested)) == {0: Rate(5, 8), 1: Rate(1, 8)}


def test_curves(nested: list[Record]) -> None:
    found = [(p.attack, p.threshold, p.fooled) for p in accuracy_curves(nested)]
    assert found == [
        ("few-pixel", 1, Rate(1, 4)),
        ("few-pixel", 3, Rate(2, 4)),
        ("threshold", 1, Rate(1, 4)),
        ("threshold", 3, Rate(2, 4)),
    ]


def test_duality(nested: list[Record]) -> None:
    assert duality_rows(nested) == [DualityRow(1, 1, 1, 0, 2), DualityRow(3, 1, 1, 1, 1)]
    assert duality_rows([r for r in nested if r.attack == "few-pixel"]) == []


def test_duality_counts_only_samples_attacked_in_both_norms(nested: list[Record]) -> None:
    partial = [r for r in nested if (r.attack, r.sample) not in {("threshold", 0), ("few-pixel", 3)}]
    assert duality_rows(partial) == [DualityRow(1, 0, 1, 0, 1), DualityRow(3, 0, 1, 1, 0)]


def test_changes(nested: list[Record]) -> None:
    assert class_changes(nested) == [
        Change("few-pixel", 0, 1, 2),
        Change("threshold", 0, 1, 1),
        Change("threshold", 1, 1, 1),
    ]


def test_query_curves_start_from_what_was_inherited(nested: list[Record]) -> None:
    curve = next(c for c in query_curves(nested) if (c.attack, c.threshold) == ("few-pixel", 3))
    assert (curve.inherited, curve.queries, curve.total, curve.longest) == (1, (30,), 4, 50)
    assert [curve.share(q) for q in (1, 29, 30, 1000)] == [0.25, 0.25, 0.5, 0.5]


def test_several_searches_count_once_an_attack(record: RecordMaker) -> None:
    records = [
        record(sample=0, method="cma-es", success=True),
        record(sample=0, method="de", success=True),
        record(sample=1, method="cma-es"),
        record(sample=1, method="de", success=True),
    ]
    (outcomes,) = by_attack(records)
    assert outcomes.rate(1) == Rate(2, 2)
    assert class_changes(records) == [Change("few-pixel", 0, 1, 2)]
    assert [p.fooled for p in accuracy_curves(records)] == [Rate(1, 2), Rate(2, 2)]


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.sampled_from([1, 3, 5]), st.booleans()), unique_by=lambda t: t[:2], min_size=1
    )
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_rate_falls_with_the_threshold(record: RecordMaker, cells: list[tuple[int, int, bool]]) -> None:
    won = {(sample, th) for sample, th, success in cells if success}
    records = [record(sample=s, threshold=th, success=(s, th) in won) for s in range(6) for th in (1, 3, 5)]
    shares = [p.fooled.successes for p in accuracy_curves(records)]
    assert shares == sorted(shares)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (percent(0.12), "12.0 %"),
        (percent(None), "–"),
        (count(1000), "1,000"),
        (decimal(0.25), "0.25"),
        (decimal(9.996), "10.0"),
        (decimal(12.34), "12.3"),
        (decimal(1234.5), "1,234"),
        (decimal(None), "–"),
        (plural(1, "query", "queries"), "1 query"),
        (plural(0, "image"), "0 images"),
        (listed([]), ""),
        (listed(["a"]), "a"),
        (listed(["a", "b", "c"]), "a, b and c"),
        (attack_name("few-pixel"), "Few-pixel (L0)"),
        (attack_name("pgd"), "pgd"),
        (safe_name("threshold", 3), "3-threshold-safe"),
    ],
)
def test_wording(found: str, expected: str) -> None:
    assert found == expected
