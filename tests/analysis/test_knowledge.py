"""Levels by what the attacker sees: which attacks count for which, what is broken, and where less breaks more."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pixelproof.results.knowledge import KnowledgeLevel, knowledge_levels, misled, optimality
from pixelproof.runs.record import Manifest, Record

RecordMaker = Callable[..., Record]


#: What an attack sees, its norm, and the threshold of its ball.
KINDS: dict[str, tuple[str, str | None, float | None]] = {
    "label-regression(queries=9)": ("labels", "linf", None),
    "apgd(norm=linf,epsilon=3)": ("gradients", "linf", 3),
    "apgd(norm=linf,epsilon=3,loss=dlr)": ("gradients", "linf", 3),
    "square(norm=linf,epsilon=1)": ("scores", "linf", 1),
    "cw-l2(confidence=0)": ("gradients", None, None),
    "sigma-zero(iterations=9)": ("gradients", "l0", None),
    "jsma(theta=9)": ("gradients", "l0", None),
}


def named(record: RecordMaker, spec: str, sample: int, **distances: Any) -> Record:
    """A record of an attack by name; with distances a success."""
    method, parameters = Record.parts(spec)
    _, norm, threshold = KINDS[spec]
    ball = {"constraint": None if threshold is None else norm, "threshold": threshold}
    return record(**ball, method=method, parameters=parameters, sample=sample, success=bool(distances), **distances)


def rows_of(records: list[Record]) -> list[KnowledgeLevel]:
    specs = [spec for spec in KINDS if any(record.spec == spec for record in records)]
    manifest = SimpleNamespace(
        settings={"attacks": [{"spec": spec, "epsilon": KINDS[spec][2]} for spec in specs]},
        details={"attacks": {spec: KINDS[spec][:2] for spec in specs}} if specs else {},
    )
    return knowledge_levels(cast("Manifest", manifest), records)


def found(records: list[Record]) -> dict[tuple[str, int, str], tuple[int, int]]:
    rows = rows_of(records)
    return {(r.constraint, r.threshold, r.knowledge): (r.rate.successes, r.rate.total) for r in rows}


def test_an_attack_counts_for_its_norm_its_knowledge_and_its_threshold(nested: list[Record], record: RecordMaker):
    label, ball = "label-regression(queries=9)", "apgd(norm=linf,epsilon=3)"
    near = [named(record, label, k, linf=th, l0=900) for k, th in enumerate((1, 2, 3))] + [named(record, label, 3)]
    inside = [named(record, ball, 0, linf=2, l0=900), *(named(record, ball, k) for k in (1, 2, 3))]
    others = [named(record, "cw-l2(confidence=0)", k, linf=1, l0=900) for k in range(4)]  # gradients, but of no level
    assert found([*nested, *near, *inside, *others]) == {
        ("threshold", 1, "labels"): (1, 4),
        ("threshold", 1, "scores"): (1, 4),
        ("threshold", 3, "labels"): (3, 4),
        ("threshold", 3, "scores"): (2, 4),
        ("threshold", 3, "gradients"): (1, 4),
    }


def test_where_all_attacks_see_the_same_there_is_nothing_to_tell(nested: list[Record], record: RecordMaker):
    assert rows_of(nested) == []
    assert rows_of([*nested, *(named(record, "square(norm=linf,epsilon=1)", k) for k in range(4))]) == []


def test_a_sample_counts_once_every_attack_is_through_with_it(nested: list[Record], record: RecordMaker):
    first, second = "sigma-zero(iterations=9)", "jsma(theta=9)"
    through = [named(record, first, 0, l0=1), named(record, first, 1), named(record, second, 0)]
    rows = found([*nested, *through])
    assert rows["few-pixel", 1, "gradients"] == (1, 1)


def test_an_attack_made_twice_is_through_when_both_are(nested: list[Record], record: RecordMaker):
    first, second = "apgd(norm=linf,epsilon=3)", "apgd(norm=linf,epsilon=3,loss=dlr)"
    rows = rows_of([*nested, *(named(record, first, k) for k in range(4)), named(record, second, 2, linf=3, l0=9)])
    (own,) = (row for row in rows if row.knowledge == "gradients")
    assert own.methods == ("apgd",)
    assert own.through == own.broken == frozenset({2})


def level(knowledge: str, broken: set[int], through: int = 8, threshold: int = 1) -> KnowledgeLevel:
    return KnowledgeLevel("threshold", threshold, knowledge, ("a",), frozenset(broken), frozenset(range(through)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("less", "more", "expected"),
    [
        ({0, 1}, {0, 1, 2}, None),
        ({0, 1, 2}, {0}, 2),
        ({0, 1, 2}, {3, 4, 5}, None),  # as many the other way round: chance
        ({0, 1, 2}, {3, 4}, 3),
    ],
)
def test_more_knowledge_that_breaks_less_was_misled(less: set[int], more: set[int], expected: int | None):
    pairs = misled([level("scores", less), level("gradients", more)])
    assert [ahead for _, _, ahead in pairs] == ([] if expected is None else [expected])


def test_only_samples_that_both_are_through_with_are_compared():
    assert misled([level("scores", {0, 7}), level("gradients", {0}, through=4)]) == []


def test_optimality_is_a_share_of_the_area_above_the_best_curve():
    """Scores break samples at 1, 3, 3, gradients the same at 3, 1, 5 and one more at 5: by distances, as AttackBench
    counts them, the best known ones are 1, 1, 3, 5."""
    rows = [
        level("scores", {0}, threshold=1),
        level("scores", {1, 2}, threshold=3),  # what was broken at 1 counts on
        level("scores", {1, 2}, threshold=5),
        level("gradients", {1}, threshold=1),
        level("gradients", {0, 1}, threshold=3),
        level("gradients", {0, 1, 2, 3}, threshold=5),
    ]
    # Curves through (0, 0), by trapezoids: scores 1, 3, 3; gradients 1, 2, 4; together 2, 3, 4.
    scores, gradients, best = 0.5 + 4 + 6, 0.5 + 3 + 6, 1 + 5 + 7
    assert optimality(rows) == {
        ("threshold", "scores"): pytest.approx(scores / best),
        ("threshold", "gradients"): pytest.approx(gradients / best),
    }


def test_optimality_is_of_samples_and_levels_that_all_have():
    rows = [
        level("scores", {0, 1}, threshold=1),
        level("scores", {0, 1, 2}, threshold=3),
        level("gradients", {0}, threshold=1, through=1),
    ]
    assert optimality(rows) == {("threshold", "scores"): 1, ("threshold", "gradients"): 1}
    assert optimality([level("scores", set()), level("gradients", set())]) == {}
    assert optimality([]) == {}
