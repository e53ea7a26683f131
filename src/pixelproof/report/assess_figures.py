"""The figures of one run: shares of images fooled by threshold, and by what they cost in queries."""

from math import log10
from typing import Any

import altair as alt

from pixelproof.report.figure import COLOURS, OTHER_COLOUR, WIDTH, Figure, in_percent
from pixelproof.results.curves import CurvePoint, accuracy_curves
from pixelproof.results.minimal import MinimalThresholds
from pixelproof.results.query_curves import QueryCurve, query_curves
from pixelproof.results.view import View
from pixelproof.wording import attack_name, percent, search_name

_THRESHOLD = "Threshold th (pixels, or grey steps of 255)"
_FOOLED, _LEFT = "Fooled (%)", "Not yet fooled (%)"
_SHAPES = {"few-pixel": "circle", "threshold": "square"}
_LOG_FROM = 40  # a largest threshold beyond which the small ones would lie on top of each other
_DASHES = {"few-pixel": [1, 0], "threshold": [7, 3]}  # for eyes and paper without colours
_OTHER_DASH = [2, 2]
_TICKS = (0, 1, 2, 3, 5, 10, 20, 50, 100, 200)
_LINEAR_TO = 12  # a largest threshold up to which equal steps are readable
_MOST_STEPS = 150  # corners kept of one line
_PALEST = 0.4  # opacity of the line of the lowest level


def curve_figures(view: View) -> list[Figure]:
    """The curves over thresholds and over queries; none without a level that all images have been through.

    A run of minimal thresholds has one figure: its queries were not spent on a level.
    """
    if not view.complete:
        return []
    return [minimal_figure(view)] if view.minimal else [accuracy_figure(view), *query_figures(view)]


def _colour(attack: str) -> str:
    return COLOURS.get(attack, OTHER_COLOUR)


def _share(title: str, field: str = "share") -> Any:
    return alt.Y(f"{field}:Q", title=title, scale=alt.Scale(domain=[0, 100]))


# The figure of the papers: the share fooled against the threshold.


def accuracy_figure(view: View) -> Figure:
    """Lines with 95 % bands; a colour and a point shape for each norm, a dash pattern for each search."""
    points = accuracy_curves(view.complete)
    layers = [_accuracy_line(view, points, attack) for attack in view.rated]
    chart = alt.layer(*layers, _accuracy_points(view, points)).properties(width=WIDTH - 70, height=260)
    return Figure(
        "accuracy-per-threshold",
        "Fooled images by threshold",
        _accuracy_alt(points),
        "Attack success rate: the share of attacked images fooled within each threshold, with 95 % Wilson "
        "intervals. A threshold counts pixels in few-pixel attacks and grey steps in threshold attacks.",
        chart.to_dict(),
    )


def _accuracy_rows(points: list[CurvePoint]) -> list[dict[str, Any]]:
    return [
        {
            "threshold": p.threshold,
            "attack": attack_name(p.attack),
            "search": search_name(p.search),
            **in_percent(p.fooled),
        }
        for p in points
    ]


def _accuracy_axis(view: View, points: list[CurvePoint]) -> Any:
    """The horizontal axis, which every layer shares."""
    thresholds = sorted({p.threshold for p in points})
    x = alt.X(
        "threshold:Q",
        title=_THRESHOLD,
        scale=alt.Scale(type="log" if thresholds[-1] >= _LOG_FROM else "linear", zero=False, nice=False, padding=14),
        axis=alt.Axis(values=thresholds, grid=False, format="d", labelOverlap=True),
    )
    return alt.Chart(alt.InlineData(values=_accuracy_rows(points))).encode(x=x, detail="search:N")


def _accuracy_line(view: View, points: list[CurvePoint], attack: str) -> Any:
    """One attack's interval and line, in fixed colours, so that the legend shows the points alone."""
    own = [p for p in points if p.attack == attack]
    colour = _colour(attack)
    base = _accuracy_axis(view, own)
    interval = base.mark_rule(strokeWidth=1.5, color=colour)
    if len({p.threshold for p in own}) > 1:  # else a band would have no width
        interval = base.mark_area(opacity=0.16, color=colour)
    line = base.mark_line(strokeWidth=2, color=colour).encode(y=_share(_FOOLED))
    if view.several_searches:
        legend = alt.Legend(columns=3, symbolType="stroke", symbolSize=400, symbolStrokeColor="#1f2328")
        line = line.encode(strokeDash=alt.StrokeDash("search:N", title="Search", legend=legend))
    return interval.encode(y=_share(_FOOLED, "low"), y2="high:Q") + line


def _accuracy_points(view: View, points: list[CurvePoint]) -> Any:
    names = [attack_name(a) for a in view.rated]
    shapes = [_SHAPES.get(a, "triangle-up") for a in view.rated]
    legend = alt.Legend(columns=2)
    colours = [_colour(a) for a in view.rated]
    colour = alt.Color("attack:N", title=None, scale=alt.Scale(domain=names, range=colours), legend=legend)
    shape = alt.Shape("attack:N", title=None, scale=alt.Scale(domain=names, range=shapes), legend=legend)
    marks = _accuracy_axis(view, points).mark_point(filled=True, size=70, opacity=1)
    return marks.encode(y=_share(_FOOLED), color=colour, shape=shape)


def _accuracy_alt(points: list[CurvePoint]) -> str:
    lines: dict[tuple[str, str], list[str]] = {}
    for p in points:
        lines.setdefault((p.attack, p.search), []).append(f"{percent(p.fooled.value)} at {p.threshold}")
    parts = [f"{attack_name(a)} by {search_name(s)}: {', '.join(at)}" for (a, s), at in lines.items()]
    return f"Line chart of the share of images fooled by threshold. {'. '.join(parts)}."


# The curve that a run of minimal thresholds is made for: how many images are not yet fooled at each threshold.


def minimal_figure(view: View) -> Figure:
    """Step curves with 95 % bands, one for each attack."""
    curves = view.minimal_thresholds
    band = _minimal_axis(curves).mark_area(interpolate="step-after", opacity=0.14)
    line = _minimal_axis(curves).mark_line(interpolate="step-after", strokeWidth=2)
    names = [attack_name(c.attack) for c in curves]
    dashes = alt.Scale(domain=names, range=[_DASHES.get(c.attack, _OTHER_DASH) for c in curves])
    chart = alt.layer(
        band.encode(y=_share(_LEFT, "low"), y2="high:Q"),
        line.encode(y=_share(_LEFT), strokeDash=alt.StrokeDash("attack:N", title=None, scale=dashes)),
    ).properties(width=WIDTH - 70, height=260)
    return Figure(
        "minimal-thresholds",
        "Images not yet fooled, by threshold",
        _minimal_alt(curves),
        "The share of attacked images whose minimal threshold lies above each threshold, with 95 % Wilson intervals. "
        "A threshold counts pixels in few-pixel attacks and grey steps in threshold attacks.",
        chart.to_dict(),
    )


def _minimal_axis(curves: list[MinimalThresholds]) -> Any:
    """Horizontal axis and colours, which both layers share."""
    largest = max(c.largest for c in curves)
    names, colours = [attack_name(c.attack) for c in curves], [_colour(c.attack) for c in curves]
    x = alt.X(
        "threshold:Q",
        title=_THRESHOLD,
        scale=alt.Scale(type="linear" if largest <= _LINEAR_TO else "symlog", domain=[0, largest], nice=False),
        axis=alt.Axis(values=[t for t in _TICKS if t <= largest], grid=False, format="d", labelOverlap=True),
    )
    legend = alt.Legend(columns=2, symbolType="stroke", symbolSize=400, symbolOpacity=1)
    colour = alt.Color("attack:N", title=None, scale=alt.Scale(domain=names, range=colours), legend=legend)
    return alt.Chart(alt.InlineData(values=[row for c in curves for row in _minimal_rows(c)])).encode(x=x, color=colour)


def _minimal_rows(curve: MinimalThresholds) -> list[dict[str, Any]]:
    name = attack_name(curve.attack)
    return [{"threshold": th, "attack": name, **in_percent(curve.left(th))} for th in curve.corners]


def _minimal_alt(curves: list[MinimalThresholds]) -> str:
    parts = []
    for curve in curves:
        shares = [f"{percent(curve.left(th).value)} at {th}" for th in (1, 3, 5, 10, curve.largest)]
        parts.append(f"{attack_name(curve.attack)}: {', '.join(dict.fromkeys(shares))}")
    return f"Step chart of the share of images not yet fooled against the threshold. {'. '.join(parts)}."


# What success costs: the share fooled within so many queries of a level's search.


def query_figures(view: View) -> list[Figure]:
    """A figure for each attack."""
    curves = query_curves(view.complete)
    return [_query_figure(view, attack, [c for c in curves if c.attack == attack]) for attack in view.rated]


def _query_figure(view: View, attack: str, curves: list[QueryCurve]) -> Figure:
    first = min((c.queries[0] for c in curves if c.queries), default=1)
    last = max(2, *(c.longest for c in curves))
    domain = [max(1, min(first, last // 10)), last]
    thresholds = sorted({c.threshold for c in curves})
    chart = (
        alt.Chart(alt.InlineData(values=[row for c in curves for row in _corners(c, domain)]))
        .mark_line(interpolate="step-after", strokeWidth=2, clip=True, color=_colour(attack))
        .encode(
            x=alt.X(
                "queries:Q",
                title="Queries an image (logarithmic)",
                scale=alt.Scale(type="log", domain=domain, nice=False),
                axis=alt.Axis(values=_query_ticks(*domain), format="~s", grid=False),
            ),
            y=_share(_FOOLED),
            opacity=alt.Opacity(
                "threshold:O",
                title="Threshold th",
                scale=alt.Scale(domain=thresholds, range=[_PALEST if len(thresholds) > 1 else 1, 1]),
                legend=alt.Legend(direction="horizontal", columns=8, symbolType="stroke", symbolSize=300),
            ),
            detail="search:N",
        )
        .properties(width=WIDTH - 70, height=230)
    )
    if len({c.search for c in curves}) > 1:
        chart = chart.encode(strokeDash=alt.StrokeDash("search:N", title="Search"))
    name = attack_name(attack)
    return Figure(
        f"queries-{attack}",
        f"{name}: queries to success",
        _query_alt(name, curves),
        "The share of attacked images fooled within so many queries of a level's own search; each line "
        "starts from the images that a lower threshold had fooled.",
        chart.to_dict(),
    )


def _corners(curve: QueryCurve, domain: list[int]) -> list[dict[str, Any]]:
    """The step line from the left edge to the most queries that any image of the level took."""
    n = len(curve.queries)
    kept = sorted({round(k * (n - 1) / (_MOST_STEPS - 1)) for k in range(_MOST_STEPS)}) if n else []
    first, end = curve.inherited, max(curve.longest, 1)
    corners = [
        (domain[0], first),
        *((max(1, curve.queries[k]), first + k + 1) for k in kept),
        (end, first + n),
    ]
    return [
        {
            "threshold": curve.threshold,
            "search": search_name(curve.search),
            "queries": queries,
            "share": round(100 * fooled / max(1, curve.total), 3),
        }
        for queries, fooled in corners
    ]


def _query_ticks(low: int, high: int) -> list[int]:
    """Powers of ten; over less than two decades their doubles and fives too."""
    steps = (1,) if log10(high / low) >= 2 else (1, 2, 5)
    powers = [10**k for k in range(int(log10(high)) + 1)]
    return [step * power for power in powers for step in steps if low <= step * power <= high]


def _query_alt(name: str, curves: list[QueryCurve]) -> str:
    parts = [
        f"threshold {c.threshold} by {search_name(c.search)}: {percent(c.share(c.longest))} in {c.longest:,}"
        for c in curves
    ]
    return f"Step chart of the share of images fooled against queries for {name}. {'; '.join(parts)}."
