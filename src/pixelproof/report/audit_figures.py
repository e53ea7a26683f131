"""The figures of an audit, drawn from what its checkpoints tell of them."""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, Literal

import altair as alt

from pixelproof.report.figure import PAPER, WIDTH, Figure
from pixelproof.results.audit.checkpoint import CheckpointResult, Plot
from pixelproof.results.audit.view import AuditView
from pixelproof.wording import decimal, minus

Row = Mapping[str, Any]

#: Apart for all eyes in hue and lightness, and each line has its shape of point besides, or its dashes.
_COLOURS = ["#1b4f91", "#cf6a12", "#3d7a4a", "#8a4fa3", "#b3261e", "#59636e"]
_SHAPES = ["circle", "square", "triangle-up", "diamond", "cross", "triangle-down"]
_DASHES = [[1, 0], [2, 2], [7, 4], [7, 3, 2, 3], [12, 4], [4, 2]]
_INK, _RULE = "#1f2328", "#b3261e"
_INNER = WIDTH - 70  # px of a horizontal axis, room for the labels of the other left
_NAMES = 140  # px for the names of bars
_LETTERS = 24  # of a name that stands at the left of its bar
_NAME = "\u200b"  # the place of a name above its bars, beside those of the groups
_BAR = 18  # px
_TOLD = 8  # values told one by one in words
_TICKS = 12  # values of an axis that are named each


def audit_figures(view: AuditView) -> list[Figure]:
    """Those of every checkpoint, in order."""
    return [figure for each in view.answers for figure in figures_of(each)]


def figures_of(answered: CheckpointResult) -> list[Figure]:
    """One for each plot with something in it."""
    return [
        Figure(_stem(answered, plot), plot.title, _in_words(plot, rows), plot.caption, _DRAWN[plot.kind](plot, rows))
        for plot in answered.plots
        if (rows := [row for row in plot.rows if _whole(row)])
    ]


def _stem(answered: CheckpointResult, plot: Plot) -> str:
    return f"audit-{answered.number:02}-{''.join(c if c.isalnum() else '-' for c in plot.name.lower())}"


def _whole(row: Row) -> bool:
    """Whether what is to be drawn of it is there, and finite."""
    values = [row[key] for key in ("x", "y", "z") if key in row]
    return all(value is not None and isfinite(value) for value in values)


def _share(title: str, values: Sequence[float]) -> alt.Scale:
    """Shares have the whole axis, whatever they are."""
    whole = "%" in title and min(values) >= 0 and max(values) <= 100
    return alt.Scale(domain=[0, 100]) if whole else alt.Scale(zero=False)


def _names(rows: Sequence[Row], key: str) -> list[str]:
    return list(dict.fromkeys(str(row.get(key, "")) for row in rows))


def _apart(names: Sequence[str], values: Sequence[Any]) -> alt.Scale:
    """A scale that gives each of ``names`` its own of ``values``, begun again where they run out."""
    return alt.Scale(domain=list(names), range=[values[k % len(values)] for k in range(len(names))])


def _bounded(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row.get("low") is not None and row.get("high") is not None]


# Lines.


def _line(plot: Plot, rows: Sequence[Row]) -> dict[str, Any]:
    """Lines with their intervals as bands, and what they are held against."""
    names, places, bounded = _names(rows, "line"), sorted({row["x"] for row in rows}), _bounded(rows)
    heights = [row["y"] for row in rows] + [row[key] for row in bounded for key in ("low", "high")]
    heights += [] if plot.rule is None else [plot.rule[0]]
    scale = alt.Scale(zero=False, nice=False, padding=8, type=_scale(plot, places))
    named = places if len(places) <= _TICKS else alt.Undefined
    axis = alt.Axis(grid=False, labelOverlap=True, format="~s" if places[-1] >= 10_000 else ".4~f", values=named)
    legend = alt.Legend(labelLimit=_INNER, symbolOpacity=1) if len(names) > 1 else None
    colour = alt.Color("line:N", title=None, scale=_apart(names, _COLOURS), legend=legend)

    def x(field: str) -> alt.X:
        return alt.X(f"{field}:Q", title=plot.x, scale=scale, axis=axis)

    def y(field: str) -> alt.Y:
        return alt.Y(f"{field}:Q", title=plot.y, scale=_share(plot.y, heights))

    def base(some: Sequence[Row]) -> alt.Chart:
        values = [{"line": "", **row} for row in some]
        return alt.Chart(alt.InlineData(values=values)).encode(x=x("x"), color=colour)

    line = base(rows).mark_line(strokeWidth=2).encode(y=y("y"))
    if len(places) <= 3 * _TICKS:
        shape = alt.Shape("line:N", title=None, scale=_apart(names, _SHAPES), legend=legend)
        layers = [line, base(rows).mark_point(filled=True, size=45, opacity=1).encode(y=y("y"), shape=shape)]
    else:
        dash = alt.StrokeDash("line:N", title=None, scale=_apart(names, _DASHES), legend=legend)
        layers = [line.encode(strokeDash=dash)]
    if bounded:
        band = base(bounded).mark_area(opacity=0.14) if len(places) > 1 else base(bounded).mark_rule()
        layers.insert(0, band.encode(y=y("low"), y2="high:Q"))
    if plot.rule is not None:
        top = plot.rule[0] >= min(heights) + 0.9 * (max([*heights, 100]) - min(heights))
        where = {"x": alt.value(_INNER - 4), "y": y("at")}
        layers += _held(plot.rule, {"y": y("at")}, where, align="right", dy=11 if top else -7)
    if plot.mark is not None:
        left = plot.mark[0] < places[len(places) // 2]
        where = {"x": x("at"), "y": alt.value(8)}
        layers += _held(plot.mark, {"x": x("at")}, where, align="left" if left else "right", dx=5 if left else -5)
    return _spec(alt.layer(*layers).properties(width=_INNER, height=220))


def _scale(plot: Plot, places: Sequence[float]) -> Literal["linear", "log", "symlog"]:
    if not plot.log_x:
        return "linear"
    return "log" if places[0] > 0 else "symlog"  # zero has no logarithm


def _held(against: tuple[float, str], line: dict[str, Any], text: dict[str, Any], **place: Any) -> list[alt.Chart]:
    """A dashed line at a value, with its label."""
    base = alt.Chart(alt.InlineData(values=[{"at": against[0], "label": against[1]}]))
    rule = base.mark_rule(color=_RULE, strokeDash=[5, 3], strokeWidth=1.5).encode(**line)
    return [rule, *_edged(base.encode(text="label:N", **text), _RULE, **place)]


def _edged(chart: alt.Chart, colour: str, **place: Any) -> list[alt.Chart]:
    """Text that a white edge keeps legible over lines."""
    edge = chart.mark_text(fontSize=11, stroke=PAPER, strokeWidth=4, **place)
    return [edge, chart.mark_text(fontSize=11, color=colour, **place)]


# Bars.


def _bars(plot: Plot, rows: Sequence[Row]) -> dict[str, Any]:
    """Bars lying, in the order of the rows; each name at the left or, where one is long, above its bars."""
    names, groups, bounded = _names(rows, "name"), _names(rows, "group"), _bounded(rows)
    above = max(map(len, names)) > _LETTERS
    ends = [0.0, *(row["y"] for row in rows), *(row["high"] for row in bounded), *(plot.rule or (0.0,))[:1]]
    width = WIDTH - 30 if above else WIDTH - _NAMES - 30

    def x(field: str) -> alt.X:
        scale = _share(plot.y, ends) if "%" in plot.y else alt.Scale(zero=True)
        return alt.X(f"{field}:Q", title=plot.y, scale=scale)

    slots = [_NAME, *groups] if above else groups
    axis = alt.Axis(ticks=False, domain=False, labels=not above, labelLimit=_NAMES)
    y = alt.Y("name:N", sort=names, title=None, axis=axis, scale=alt.Scale(paddingInner=0.25, paddingOuter=0.12))
    offset = alt.YOffset("group:N", sort=slots, scale=alt.Scale(domain=slots))
    legend = alt.Legend(labelLimit=_INNER) if len(groups) > 1 else None
    colour = alt.Color("group:N", title=None, scale=_apart(groups, _COLOURS), legend=legend)

    def base(some: Sequence[Row]) -> alt.Chart:
        return alt.Chart(alt.InlineData(values=[{"group": "", **row} for row in some])).encode(y=y, yOffset=offset)

    layers = [base(rows).mark_bar().encode(x=x("y"), color=colour)]
    if bounded:
        layers.append(base(bounded).mark_rule(color=_INK, strokeWidth=1.5).encode(x=x("low"), x2="high:Q"))
    if plot.rule is not None:
        right = plot.rule[0] > max(ends) / 2 if "%" not in plot.y else plot.rule[0] > 50
        side: dict[str, Any] = {"align": "right", "dx": -4} if right else {"align": "left", "dx": 4}
        layers += _held(plot.rule, {"x": x("at")}, {"x": x("at"), "y": alt.value(-7)}, **side)
    if above:
        titles = base([{"name": name, "group": _NAME} for name in names]).encode(x=alt.value(0), text="name:N")
        layers += _edged(titles, _INK, align="left", limit=width)
    height = _BAR * len(names) * (0.8 * len(slots) + 0.4)
    return _spec(alt.layer(*layers).properties(width=width, height=max(40, height)))


# Maps.


def _heat(plot: Plot, rows: Sequence[Row]) -> dict[str, Any]:
    """A map of evenly spaced cells."""
    across, up = 1.1 * _half(rows, "x"), 1.1 * _half(rows, "y")  # no gap, which would be drawn as a line
    values = [
        {**row, "x0": row["x"] - across, "x1": row["x"] + across, "y0": row["y"] - up, "y1": row["y"] + up}
        for row in rows
    ]
    tight = alt.Scale(nice=False, zero=False)
    legend = alt.Legend(orient="bottom", direction="horizontal", gradientLength=_INNER - 60)
    chart = alt.Chart(alt.InlineData(values=values)).mark_rect()
    chart = chart.encode(
        x=alt.X("x0:Q", title=plot.x, scale=tight, axis=alt.Axis(grid=False)),
        x2="x1:Q",
        y=alt.Y("y0:Q", title=plot.y, scale=tight, axis=alt.Axis(grid=False)),
        y2="y1:Q",
        color=alt.Color("z:Q", title=plot.z, scale=alt.Scale(scheme="viridis"), legend=legend),
    )
    return _spec(chart.properties(width=_INNER - 20, height=_INNER - 60))


def _half(rows: Sequence[Row], key: str) -> float:
    """Half the distance of neighbours."""
    places = sorted({row[key] for row in rows})
    return (places[-1] - places[0]) / (2 * (len(places) - 1)) if len(places) > 1 else 0.5


def _spec(chart: Any) -> dict[str, Any]:
    found: dict[str, Any] = chart.to_dict()
    return found


_DRAWN = {"line": _line, "bar": _bars, "heat": _heat}


# In words.


def _in_words(plot: Plot, rows: Sequence[Row]) -> str:
    """What ``plot``, of which ``rows`` are drawn, shows to those who do not see it."""
    if plot.kind == "heat":
        deep = [row["z"] for row in rows]
        between = f"from {decimal(min(deep))} to {decimal(max(deep))}"
        return f"Map of {plot.z or 'values'} over {plot.x} and {plot.y}, {between}."
    if plot.kind == "bar":
        said = _said([(" ".join((str(row["name"]), row.get("group", ""))).strip(), row["y"]) for row in rows])
        return f"Bars of {plot.y}: {said}{_against(plot)}."
    parts = [
        (name, _said([(f"at {minus(row['x'])}", row["y"]) for row in rows if row.get("line", "") == name]))
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
    lines = [each for each in (plot.rule, plot.mark) if each is not None]
    held = [f"{label} at {minus(value)}" for value, label in lines]
    return f"; dashed: {', '.join(held)}" if held else ""
