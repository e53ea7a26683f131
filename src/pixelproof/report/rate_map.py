"""Rates by row and column as a heat map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from pixelproof.report.figure import WIDTH
from pixelproof.results.intervals import Rate

_INK = "#1f2328"


def rate_map(
    cells: Sequence[tuple[str, str, Rate | None]], shades: tuple[str, str], across: str | None, labels: int
) -> dict[str, Any]:
    """A heat map of (row, column, rate) in the order in which they come; cells without a rate are blank.

    ``shades`` are those of 0 and 100 %, ``across`` heads the columns, ``labels`` is the room for row names in px.
    """
    down, over = list(dict.fromkeys(cell[0] for cell in cells)), list(dict.fromkeys(cell[1] for cell in cells))
    step = max(22, min(40, (WIDTH - labels - 20) // max(1, len(over))))
    known = [(row, column, rate.value) for row, column, rate in cells if rate is not None and rate.value is not None]
    values = [
        {"row": row, "column": column, "share": round(100 * share, 3), "text": f"{100 * share:.0f}"}
        for row, column, share in known
    ]
    axis = alt.Axis(domain=False, ticks=False, labelLimit=labels, labelPadding=6)
    top = alt.Axis(domain=False, ticks=False, labelLimit=labels, orient="top", labelAngle=-90)
    base = alt.Chart(alt.InlineData(values=values)).encode(
        x=alt.X("column:N", sort=over, title=across, axis=top, scale=alt.Scale(domain=over)),
        y=alt.Y("row:N", sort=down, title=None, axis=axis, scale=alt.Scale(domain=down)),
    )
    scale = alt.Scale(domain=[0, 100], range=list(shades), interpolate="lab")
    squares = base.mark_rect(stroke="white", strokeWidth=1.5).encode(
        color=alt.Color("share:Q", scale=scale, legend=None)
    )
    ink = alt.condition("datum.share > 58", alt.value("white"), alt.value(_INK))
    spec: dict[str, Any] = (
        (squares + base.mark_text(fontSize=11).encode(text="text:N", color=ink))
        .properties(width=alt.Step(step), height=alt.Step(24))
        .to_dict()
    )
    return spec
