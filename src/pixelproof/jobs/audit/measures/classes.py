"""Accuracy class by class, and which class stands out by more than chance."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import comb, hypot

from pixelproof.jobs.audit.paired import CONFIDENCE
from pixelproof.results.intervals import Interval, Rate, wilson


@dataclass(frozen=True)
class Classes:
    """``rates`` of the classes that have images, by their number."""

    rates: dict[int, Rate]

    @property
    def overall(self) -> Rate:
        return Rate(
            sum(each.successes for each in self.rates.values()), sum(each.total for each in self.rates.values())
        )

    @property
    def worst(self) -> int:
        return min(self.rates, key=self._share)

    @property
    def best(self) -> int:
        return max(self.rates, key=self._share)

    def interval(self, label: int) -> Interval:
        """At the level that leaves one false alarm in a hundred for all classes together (Bonferroni)."""
        rate = self.rates[label]
        return wilson(rate.successes, rate.total, 1 - (1 - CONFIDENCE) / len(self.rates))

    @property
    def behind(self) -> bool:
        """Whether the worst class lies wholly below the accuracy of all."""
        return self.interval(self.worst).high < (self.overall.value or 0.0)

    @property
    def gap(self) -> tuple[float, Interval]:
        """From the worst class to the best, as a share, with its interval for the choice of both among all pairs."""
        pairs = max(1, comb(len(self.rates), 2))
        return difference(self.rates[self.best], self.rates[self.worst], 1 - (1 - CONFIDENCE) / pairs)

    def _share(self, label: int) -> float:
        return self.rates[label].value or 0.0


def by_class(labels: Iterable[int], right: Iterable[bool]) -> Classes:
    """Of N samples with their ``labels`` those that are ``right``."""
    counts: dict[int, list[bool]] = {}
    for label, each in zip(labels, right, strict=True):
        counts.setdefault(label, []).append(each)
    return Classes({label: Rate(sum(counts[label]), len(counts[label])) for label in sorted(counts)})


def difference(one: Rate, other: Rate, confidence: float) -> tuple[float, Interval]:
    """``one`` less ``other``, as shares, with the interval of Newcombe (1998), Statistics in Medicine 17, method 10.

    The interval lies within [-1, 1].
    """
    p, q = one.value or 0.0, other.value or 0.0
    of_one, of_other = (wilson(each.successes, each.total, confidence) for each in (one, other))
    low = p - q - hypot(p - of_one.low, of_other.high - q)
    high = p - q + hypot(of_one.high - p, q - of_other.low)
    return p - q, Interval(low, high)
