"""The figure of the papers: the share of images fooled against the threshold, for both norms."""

from __future__ import annotations

from typing import Any

import altair as alt

from pixelproof.report.figure import COLOURS, OTHER_COLOUR, WIDTH, Figure
from pixelproof.results.curves import CurvePoint, accuracy_curves
from pixelproof.results.view import View
from pixelproof.wording import attack_name, percent, search_name

_SHAPES = {"few-pixel": "circle", "threshold": "square"}
_LOG_FROM = 40  # a largest threshold beyond which the small ones would lie on top of each other


def accuracy_figure(view: View) -> Figure:
    """Lines with 95 % bands; a colour and a point shape for each norm, a dash pattern for each search."""
    points = accuracy_curves(view.records)
    layers = [_line(view, points, attack) for attack in view.attacks]
    chart = alt.layer(*layers, _points(view, points)).properties(width=WIDTH - 70, height=260)
    return Figure(
        "accuracy-per-threshold",
        "Fooled images by threshold",
        _alt(points),
        "Adversarial accuracy: the share of attacked images fooled within each threshold, with 95 % Wilson "
        "intervals. A threshold counts pixels in few-pixel attacks and grey steps in threshold attacks.",
        chart.to_dict(),
    )


def _rows(points: list[CurvePoint]) -> list[dict[str, Any]]:
    return [
        {
            "threshold": p.threshold,
            "attack": attack_name(p.attack),
            "search": search_name(p.search),
            "share": round(100 * (p.fooled.value or 0.0), 3),
            "low": round(100 * p.fooled.interval.low, 3),
            "high": round(100 * p.fooled.interval.high, 3),
        }
        for p in points
    ]


def _base(view: View, points: list[CurvePoint]) -> Any:
    """The horizontal axis, which every layer shares."""
    thresholds = sorted({p.threshold for p in view.levels})
    x = alt.X(
        "threshold:Q",
        title="Threshold th (pixels, or grey steps of 255)",
        scale=alt.Scale(type="log" if thresholds[-1] >= _LOG_FROM else "linear", zero=False, nice=False, padding=14),
        axis=alt.Axis(values=thresholds, grid=False, format="d", labelOverlap=True),
    )
    return alt.Chart(alt.InlineData(values=_rows(points))).encode(x=x, detail="search:N")


def _share(field: str = "share") -> Any:
    return alt.Y(f"{field}:Q", title="Fooled (%)", scale=alt.Scale(domain=[0, 100]))


def _line(view: View, points: list[CurvePoint], attack: str) -> Any:
    """One attack's interval and line, in fixed colours, so that the legend shows the points alone."""
    own = [p for p in points if p.attack == attack]
    colour = COLOURS.get(attack, OTHER_COLOUR)
    base = _base(view, own)
    interval = base.mark_rule(strokeWidth=1.5, color=colour)
    if len({p.threshold for p in own}) > 1:  # else a band would have no width
        interval = base.mark_area(opacity=0.16, color=colour)
    line = base.mark_line(strokeWidth=2, color=colour).encode(y=_share())
    if view.several_searches:
        legend = alt.Legend(columns=3, symbolType="stroke", symbolSize=400, symbolStrokeColor="#1f2328")
        line = line.encode(strokeDash=alt.StrokeDash("search:N", title="Search", legend=legend))
    return interval.encode(y=_share("low"), y2="high:Q") + line


def _points(view: View, points: list[CurvePoint]) -> Any:
    names = [attack_name(a) for a in view.attacks]
    shapes = [_SHAPES.get(a, "triangle-up") for a in view.attacks]
    legend = alt.Legend(columns=2)
    colours = [COLOURS.get(a, OTHER_COLOUR) for a in view.attacks]
    colour = alt.Color("attack:N", title=None, scale=alt.Scale(domain=names, range=colours), legend=legend)
    shape = alt.Shape("attack:N", title=None, scale=alt.Scale(domain=names, range=shapes), legend=legend)
    marks = _base(view, points).mark_point(filled=True, size=70, opacity=1)
    return marks.encode(y=_share(), color=colour, shape=shape)


def _alt(points: list[CurvePoint]) -> str:
    lines: dict[tuple[str, str], list[str]] = {}
    for p in points:
        lines.setdefault((p.attack, p.search), []).append(f"{percent(p.fooled.value)} at {p.threshold}")
    parts = [f"{attack_name(a)} by {search_name(s)}: {', '.join(at)}" for (a, s), at in lines.items()]
    return f"Line chart of the share of images fooled by threshold. {'. '.join(parts)}."
