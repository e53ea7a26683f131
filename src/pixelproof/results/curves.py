"""Accuracy per threshold: how the share of fooled samples grows with what the attack may change."""

from collections.abc import Sequence
from dataclasses import dataclass

from pixelproof.results.intervals import Rate
from pixelproof.results.outcomes import by_search
from pixelproof.runs.record import Record


@dataclass(frozen=True)
class CurvePoint:
    """Samples fooled at ``threshold`` or below, of those attacked there."""

    attack: str
    search: str
    threshold: int
    fooled: Rate


def accuracy_curves(records: Sequence[Record]) -> list[CurvePoint]:
    """Points in the order attack, search, threshold; a sample counts from its lowest success on."""
    return [CurvePoint(o.attack, o.search or "", th, o.rate(th)) for o in by_search(records) for th in o.thresholds]
