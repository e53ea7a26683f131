"""The two-sided curve: images broken from below, proved from above, open between, against the threshold."""

from collections.abc import Sequence
from math import ceil
from typing import Any

import altair as alt

from pixelproof.report.figure import WIDTH, Figure
from pixelproof.results.status import LevelStatus
from pixelproof.results.view import View
from pixelproof.wording import attack_name, percent

# Apart for most eyes, after Okabe & Ito (2008), and in lightness on grey paper; what is open is pale.
_COLOURS = {"proved": "#009e73", "open": "#e3e6ea", "broken": "#c2410c"}
_LINEAR_TO = 12  # a largest threshold up to which equal steps are readable


def status_figures(view: View) -> list[Figure]:
    """A figure for each attack."""
    return [_two_sided(attack, view.statuses_of(attack)) for attack in view.constraints]


def _two_sided(attack: str, levels: Sequence[LevelStatus]) -> Figure:
    """Steps: what is broken at a level is so at all above it, what is proved at a level is so at all below it."""
    last = levels[-1].threshold
    end = last + max(1, ceil(0.1 * last))
    unit = "pixels" if attack == "few-pixel" else "grey steps of 255"
    x = alt.X(
        "threshold:Q",
        title=f"Threshold th ({unit})",
        scale=alt.Scale(type="linear" if last <= _LINEAR_TO else "symlog", domain=[0, end], nice=False),
        axis=alt.Axis(values=[level.threshold for level in levels], grid=False, format="d", labelOverlap=True),
    )
    order = list(_COLOURS)
    colour = alt.Color(
        "part:N",
        title=None,
        scale=alt.Scale(domain=order, range=list(_COLOURS.values())),
        legend=alt.Legend(columns=3, symbolType="square", symbolStrokeWidth=0),
    )
    y = alt.Y("low:Q", title="Images (%)", scale=alt.Scale(domain=[0, 100]))
    layers = [
        alt.Chart(alt.InlineData(values=rows)).mark_area(interpolate=steps).encode(x=x, y=y, y2="high:Q", color=colour)
        for rows, steps in _parts(levels, end)
    ]
    name, pending = attack_name(attack), any(level.pending for level in levels)
    return Figure(
        f"status-{attack}",
        f"{name}: broken, proved, open",
        _alt(name, levels),
        "Of all selected images those broken (from below) and proved (from above) within each threshold; what is open "
        f"lies between: {'not finished, or ' if pending else ''}neither an image that breaks it was found nor a proof.",
        alt.layer(*layers).properties(width=WIDTH - 70, height=230).to_dict(),
    )


def _parts(levels: Sequence[LevelStatus], end: int) -> list[tuple[list[dict[str, Any]], Any]]:
    """The rows of each layer and how its steps go: open below all, then proved and broken."""
    open_rows = [_row("open", 0, 0, 100), _row("open", end, 0, 100)]
    proved = [_row("proved", level.threshold, 100 - _share(level, level.proved), 100) for level in levels]
    proved = [{**proved[0], "threshold": 0}, *proved]
    broken = [_row("broken", level.threshold, 0, _share(level, level.broken.successes)) for level in levels]
    broken = [*broken, {**broken[-1], "threshold": end}]
    return [(open_rows, "linear"), (proved, "step-before"), (broken, "step-after")]


def _row(part: str, threshold: int, low: float, high: float) -> dict[str, Any]:
    return {"part": part, "threshold": threshold, "low": round(low, 3), "high": round(high, 3)}


def _share(level: LevelStatus, images: int) -> float:
    return 100 * images / max(1, level.total)


def _alt(name: str, levels: Sequence[LevelStatus]) -> str:
    parts = [
        f"th = {level.threshold}: {percent(_share(level, level.broken.successes) / 100)} broken, "
        f"{percent(_share(level, level.proved) / 100)} proved, {percent(_share(level, level.open) / 100)} open"
        for level in levels
    ]
    return f"Areas of images broken, open and proved by threshold, {name}. {'; '.join(parts)}."
