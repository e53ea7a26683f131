"""Whether differences are more than chance: the level of every judgement of an audit, and its tests."""

from collections.abc import Sequence

from pixelproof.results import exact
from pixelproof.results.intervals import Interval, Rate, wilson

#: Twenty checkpoints are judged, so each is allowed a false alarm once in a hundred audits only.
CONFIDENCE = 0.99


def accuracy(answers: Sequence[int], labels: Sequence[int]) -> Rate:
    """How many of the first images are right, of those that there are ``answers`` to."""
    return Rate(sum(a == b for a, b in zip(answers, labels, strict=False)), len(answers))


def more_often(one: int, other: int) -> bool:
    """Whether samples that only the ``one`` fools outnumber those that only the ``other`` does by more than chance.

    The exact one-sided sign test on the samples where the two differ (McNemar, 1947).
    """
    return one > other and exact.more_often(one, other) < 1 - CONFIDENCE


def fools_more(one: frozenset[int], other: frozenset[int]) -> bool:
    """Whether ``one`` attack, by the samples that it breaks, fools more than the ``other`` by more than chance."""
    return more_often(len(one - other), len(other - one))


def interval(rate: Rate) -> Interval:
    """The Wilson interval by which claims are judged, at 99 %."""
    return wilson(rate.successes, rate.total, CONFIDENCE)


def overstated(claimed: float, rate: Rate) -> bool:
    """Whether an accuracy ``claimed`` in percent lies above all that the measured ``rate`` allows."""
    return claimed / 100 > interval(rate).high


def understated(claimed: float, rate: Rate) -> bool:
    return claimed / 100 < interval(rate).low
