"""docs/bench.svg: success against seconds an image, pixelproof beside its peers."""

import math
from pathlib import Path
from typing import Any

import altair as alt

from benchmarks.options import Row
from benchmarks.summary import side_by_side, tool
from pixelproof.report.figure import Figure

PATH = Path(__file__).parent.parent / "docs" / "bench.svg"
THRESHOLDS = (1, 3)
_MANY = 100  # images; of fewer the figure says how many
_FAR = 8  # seconds, from which words stand to the left of their point
_WIDTH, _LETTER, _SECONDS = 370, 6, (0.02, 1000)  # of a panel and of a letter, in points; the axis of the seconds
_TOP, _LINE = 105, 5  # of the other axis, and the height of a line of words on it, in % of images
_OURS, _THEIRS = "#1b4f91", "#cf6a12"
_TITLES = {"few-pixel": "few-pixel (L0)", "threshold": "threshold (L∞)"}


def write(board: dict[str, Any]) -> None:
    """Draw the figure from ``board``; nothing where there is nothing to compare."""
    rows = [row for row in side_by_side(board["rows"]) if row["threshold"] in THRESHOLDS]
    if not rows:
        return
    PATH.parent.mkdir(exist_ok=True)
    PATH.write_text(drawing(rows).svg() + "\n", "utf-8")


def drawing(rows: list[Row]) -> Figure:
    """One panel an attack and threshold: to the left is faster, up is stronger."""
    panels = [
        _panel(attack, threshold, [row for row in rows if (row["attack"], row["threshold"]) == (attack, threshold)])
        for attack in _TITLES
        for threshold in THRESHOLDS
    ]
    chart = alt.concat(*panels, columns=2)
    return Figure(
        name="bench",
        title="Success and time, pixelproof and its peers",
        alt="Per cent of images fooled against seconds an image, pixelproof's searches and the peers' attacks.",
        caption="Left is faster, up is stronger.",
        spec=chart.to_dict(),
    )


def _panel(attack: str, threshold: int, rows: list[Row]) -> Any:
    names = [_short(row) + (f", {row['attacked']} images" if row["attacked"] < _MANY else "") for row in rows]
    words = [(name, row["value"], row["seconds_per_image"]) for name, row in zip(names, rows, strict=True)]
    values = [
        {
            "tool": name,
            "whose": "a peer" if "tool" in row else "pixelproof",
            "success": row["value"],
            "seconds": row["seconds_per_image"],
            "height": height,
        }
        for name, row, height in zip(names, rows, _heights(words), strict=True)
    ]
    base = alt.Chart(alt.InlineData(values=values)).encode(
        x=alt.X("seconds:Q", title="seconds an image (one core)", scale=alt.Scale(type="log", domain=list(_SECONDS))),
        y=alt.Y("success:Q", title="% of images fooled", scale=alt.Scale(domain=[0, _TOP])),
        color=alt.Color(
            "whose:N",
            title=None,
            scale=alt.Scale(domain=["pixelproof", "a peer"], range=[_OURS, _THEIRS]),
        ),
    )
    points = base.mark_point(filled=True, size=70)
    text = base.encode(text="tool:N", y="height:Q")
    near, far = (text.transform_filter(f"datum.seconds {side} {_FAR}") for side in ("<", ">="))
    after = near.mark_text(align="left", dx=7, fontSize=11)
    before = far.mark_text(align="right", dx=-7, fontSize=11)
    return (points + after + before).properties(width=_WIDTH, height=260, title=f"{_TITLES[attack]}, th = {threshold}")


def _heights(words: list[tuple[str, float, float]]) -> list[float]:
    """Where words stand, each a text, its point's value and seconds: no higher than it takes to keep them apart."""
    placed: list[tuple[float, float, float]] = []  # height, left, right
    heights = [0.0] * len(words)
    span = math.log(_SECONDS[1] / _SECONDS[0])
    for k in sorted(range(len(words)), key=lambda k: words[k][1]):
        text, value, seconds = words[k]
        point, width = _WIDTH * math.log(seconds / _SECONDS[0]) / span, _LETTER * len(text)
        left = point if seconds < _FAR else point - width
        height = max(value, _LINE / 2)
        for low, start, end in sorted(placed):
            if left < end and start < left + width and abs(height - low) < _LINE:
                height = low + _LINE
        placed.append((height, left, left + width))
        heights[k] = height
    return heights


def _short(row: Row) -> str:
    if "tool" not in row:
        return str(row["search"])
    return tool(row).partition(" (")[0] + (" *" if "its own" in row["settings"] and "1000" not in row["peer"] else "")
