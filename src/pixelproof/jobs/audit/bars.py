"""Rates as rows of a figure, with the intervals by which claims are judged."""

from __future__ import annotations

from pixelproof.jobs.audit.paired import interval
from pixelproof.results.intervals import Rate


def band(rate: Rate) -> dict[str, object]:
    """How high a row of ``Plot`` is, in percent, with the 99 % interval."""
    found = interval(rate)
    return {"y": 100 * (rate.value or 0.0), "low": 100 * found.low, "high": 100 * found.high}


def bar(name: str, rate: Rate) -> dict[str, object]:
    """A row of bars."""
    return {"name": name, **band(rate)}
