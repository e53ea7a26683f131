"""Results as rows for machines, as they are kept in ``results.json`` beside a page."""

import json
from collections.abc import Iterable, Mapping
from math import isfinite
from pathlib import Path
from typing import Any

from pixelproof.files import write_whole
from pixelproof.results.intervals import Rate

FILE = "results.json"
#: Of the file; ``results.schema.json`` says what it holds.
FORMAT = 1
Row = dict[str, Any]


def write_scoreboard(
    folder: Path, rows: Iterable[Row], environment: Mapping[str, str], command: str, **more: Any
) -> Path:
    """Write ``rows`` into ``folder``, with their ``environment`` and the ``command`` that made them; ``more`` too.

    What is no number (NaN, infinite) is null, as JSON has no such values.
    """
    content = {
        "format": FORMAT,
        "environment": dict(environment),
        **more,
        "rows": [{**row, "command": command} for row in rows],
    }
    return write_whole(folder / FILE, json.dumps(_finite(content), indent=1, ensure_ascii=False) + "\n")


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not isfinite(value) else value


def row(claim: str, value: object, unit: str, target: object = None, holds: bool | None = None, **more: Any) -> Row:
    """A figure: what it is of, its value and unit; what was promised of it and whether that holds, if anything was."""
    return {"claim": claim, "value": value, "unit": unit, "target": target, "holds": holds, **more}


def rate_row(claim: str, unit: str, rate: Rate, **more: Any) -> Row:
    """A figure that is a rate, in percent with its 95 % interval."""
    value = None if rate.value is None else round(100 * rate.value, 1)
    low, high = (round(100 * share, 1) for share in (rate.interval.low, rate.interval.high))
    return row(claim, value, unit, successes=rate.successes, total=rate.total, interval=[low, high], **more)
