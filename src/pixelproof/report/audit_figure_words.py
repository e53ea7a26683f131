"""The figures of an audit in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pixelproof.results.audit.checkpoint import Plot
from pixelproof.wording import decimal

_TOLD = 8  # values told one by one

Row = Mapping[str, Any]


def in_words(plot: Plot, rows: Sequence[Row]) -> str:
    """What ``plot``, of which ``rows`` are drawn, shows to those who do not see it."""
    if plot.kind == "heat":
        deep = [row["z"] for row in rows]
        between = f"from {decimal(min(deep))} to {decimal(max(deep))}"
        return f"Map of {plot.z or 'values'} over {plot.x} and {plot.y}, {between}."
    if plot.kind == "bar":
        said = _said([(" ".join((str(row["name"]), row.get("group", ""))).strip(), row["y"]) for row in rows])
        return f"Bars of {plot.y}: {said}{_against(plot)}."
    parts = [
        (name, _said([(f"at {row['x']:g}", row["y"]) for row in rows if row.get("line", "") == name]))
        for name in dict.fromkeys(row.get("line", "") for row in rows)
    ]
    said = "; ".join(f"{name}: {text}" if name else text for name, text in parts)
    return f"Lines of {plot.y} against {plot.x}. {said}{_against(plot)}."


def _said(values: Sequence[tuple[str, float]]) -> str:
    """``at 1 12.0, at 2 9.00``; of many, the first few and the last."""
    shown = values if len(values) <= _TOLD else [*values[: _TOLD - 1], values[-1]]
    texts = [f"{name} {decimal(value)}" for name, value in shown]
    if len(values) > _TOLD:
        texts.insert(_TOLD - 1, "…")
    return ", ".join(texts)


def _against(plot: Plot) -> str:
    held = [f"{label} at {value:g}" for value, label in (each for each in (plot.rule, plot.mark) if each is not None)]
    return f"; dashed: {', '.join(held)}" if held else ""
