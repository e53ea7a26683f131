"""A row with a target, or with none where a figure is only shown."""

from typing import Any

from benchmarks.options import Row


def at_least(claim: str, value: float, unit: str, target: float | None, **extras: Any) -> Row:
    """A row that holds when ``value`` ≥ ``target``."""
    return _row(claim, value, unit, target, None if target is None else value >= target, extras)


def at_most(claim: str, value: float, unit: str, target: float | None, **extras: Any) -> Row:
    """A row that holds when ``value`` ≤ ``target``."""
    return _row(claim, value, unit, target, None if target is None else value <= target, extras)


def equal(claim: str, value: bool, **extras: Any) -> Row:
    """A row that holds when ``value`` is true."""
    return _row(claim, value, "equal", True, value, extras)


def _row(claim: str, value: float, unit: str, target: float | None, holds: bool | None, extras: dict[str, Any]) -> Row:
    shown = round(value, 3) if isinstance(value, float) else value
    return {"claim": claim, "value": shown, "unit": unit, "target": target, "holds": holds, **extras}
