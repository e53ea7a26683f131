"""Spearman's rank correlation (Spearman 1904, Am. J. Psychol. 15, 72–101)."""

from collections.abc import Sequence
from statistics import StatisticsError, correlation


def spearman(xs: Sequence[float], ys: Sequence[float]) -> float | None:
    """The correlation of the ranks, equal values sharing their mean rank; None where one side is all equal."""
    try:
        return correlation(_ranks(xs), _ranks(ys))
    except StatisticsError:  # a constant side, or fewer than two points
        return None


def _ranks(values: Sequence[float]) -> list[float]:
    return [sum(v < value for v in values) + (values.count(value) + 1) / 2 for value in values]
