"""What an outcome cost: queries spent on one sample to settle one level."""

from __future__ import annotations

from collections.abc import Iterable

from pixelproof.results.outcomes import standing
from pixelproof.runs.record import Record


def is_nested(records: Iterable[Record]) -> bool:
    """Whether any level inherited its outcome from a lower one."""
    return any(r.inherited_from is not None for r in records)


def effort(levels: dict[int, Record], threshold: int, nested: bool) -> int:
    """Queries that settled ``threshold`` for one sample, given its records by threshold.

    In a nested run a level is reached through those below it, so their queries count too (an inherited record
    adds none); otherwise each level was searched from nothing and costs its own queries.
    """
    if nested:
        return sum(r.queries for th, r in levels.items() if th <= threshold)
    return levels[threshold].queries


def success_effort(levels: dict[int, Record], threshold: int, nested: bool) -> int | None:
    """Queries until the image that stands at ``threshold`` was found; None where there is none."""
    found = standing(levels, threshold)
    if found is None:
        return None
    return effort(levels, threshold, nested) if nested else found.queries
