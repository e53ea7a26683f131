"""Analyses of perturbations on tables made by hand, whose answers are known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pixelproof.results.intervals import Rate
from pixelproof.results.perturbations import (
    Least,
    PerturbationRecord,
    References,
    corruption_errors,
    distance_correlations,
    ladder,
    mean_corruption_error,
    standings,
)

LABELS = (0, 1, 2, 3)
CLEAN = Rate(4, 4)


def cell(name: str, strength: float, right: int, distance: float = 1.0, unit: str = "severity") -> PerturbationRecord:
    """Four samples of which the first ``right`` are right, all at the same distance."""
    answers = tuple(label if k < right else 9 for k, label in enumerate(LABELS))
    far = (distance,) * 4
    return PerturbationRecord(name, strength, unit, 0.0, answers, far, far, far, (1 - distance / 100,) * 4, seconds=0.5)


def severities(name: str, *right: int) -> list[PerturbationRecord]:
    return [cell(name, k + 1, count) for k, count in enumerate(right)]


def test_accuracy_of_a_cell():
    assert cell("fog", 1, 3).right(LABELS) == Rate(3, 4)


def test_standings_are_strongest_first():
    cells = [*severities("fog", 4, 2), *severities("snow", 2, 0), *severities("frost", 4, 4)]
    rows = standings(cells, LABELS, CLEAN)
    assert [(row.perturbation, row.accuracy, row.drop) for row in rows] == [
        ("snow", 0.25, 0.75),
        ("fog", 0.75, 0.25),
        ("frost", 1.0, 0.0),
    ]
    assert rows[0].worst.strength == 2
    assert rows[0].strengths == 2


def test_corruption_errors_are_means_over_five_severities():
    """Errors 0, 1/4, 1/2, 3/4 and 1, of mean 1/2; clean error 1/4. The reference: 1/4 clean, 3/4 corrupted."""
    clean = Rate(3, 4)
    reference = References("another", clean=0.25, errors={"fog": 0.75})
    (row,) = corruption_errors(severities("fog", 4, 3, 2, 1, 0), LABELS, clean, reference)
    assert row.error == 0.5
    assert row.relative == 0.25
    assert row.normalised == pytest.approx(0.5 / 0.75)
    assert row.relative_normalised == pytest.approx(0.25 / 0.5)


def test_corruptions_without_all_severities_have_no_error():
    assert corruption_errors(severities("fog", 4, 3, 2, 1), LABELS, CLEAN, None) == []
    turned = [replace(each, unit="degrees") for each in severities("rotation", 4, 3, 2, 1, 0)]
    assert corruption_errors(turned, LABELS, CLEAN, None) == []


def test_without_reference_nothing_is_divided():
    (row,) = corruption_errors(severities("fog", 4, 3, 2, 1, 0), LABELS, CLEAN, None)
    assert row.normalised is None
    assert row.relative_normalised is None


def test_mean_corruption_error_is_a_mean_of_ratios():
    reference = References("another", clean=0.0, errors={"fog": 0.5, "snow": 1.0})
    cells = [*severities("fog", 2, 2, 2, 2, 2), *severities("snow", 3, 3, 3, 3, 3)]
    rows = corruption_errors(cells, LABELS, CLEAN, reference)
    mean = mean_corruption_error(rows, ("fog", "snow"))
    assert mean is not None
    assert mean.raw == pytest.approx((0.5 + 0.25) / 2)
    assert mean.normalised == pytest.approx((0.5 / 0.5 + 0.25 / 1.0) / 2)
    assert mean_corruption_error(rows, ("fog", "snow", "frost")) is None


def test_distances_that_tell_the_accuracy_and_that_do_not():
    falling = [cell("fog", k, 4 - k, distance=float(k)) for k in range(5)]
    found = distance_correlations(falling, LABELS)
    assert found["l2"].rho == pytest.approx(-1)
    assert found["ssim"].rho == pytest.approx(1)
    flat = [cell("fog", k, 4 - k, distance=3.0) for k in range(5)]
    assert distance_correlations(flat, LABELS)["l1"].rho is None
    assert distance_correlations(flat[:2], LABELS) == {}


def test_a_ladder_begins_where_nothing_changes():
    assert ladder(0.5, 0.0, 2) == [0.5, 0.25, 0.0]
    assert ladder(0, -180, 4) == [0, -45, -90, -135, -180]


def test_least_strengths():
    """Four samples: wrong at the first and second step, at the last, and never."""
    walked = Least("rotation", "degrees", 0.0, -40.0, 4, (0, 1, 2, 3), (-10.0, -20.0, -40.0, None))
    assert [walked.still_right(s) for s in walked.ladder] == [Rate(n, 4) for n in (4, 3, 2, 2, 1)]
    assert walked.median == -20.0
    assert walked.area == pytest.approx((3.5 + 2.5 + 2 + 1.5) / 4 / 4)


def test_least_strengths_of_nobody():
    walked = Least("rotation", "degrees", 0.0, 40.0, 4, (), ())
    assert walked.median is None
    assert walked.area is None


def test_most_never_fall():
    walked = Least("rotation", "degrees", 0.0, 40.0, 4, (0, 1, 2), (10.0, None, None))
    assert walked.median is None
