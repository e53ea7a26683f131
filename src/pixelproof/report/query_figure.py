"""What success costs: the share of images fooled within q queries of a level's search."""

from __future__ import annotations

from math import log10
from typing import Any

import altair as alt

from pixelproof.report.figure import OTHER_SHADES, SHADES, WIDTH, Figure
from pixelproof.results.query_curves import QueryCurve, query_curves
from pixelproof.results.view import View
from pixelproof.wording import attack_name, percent, search_name

_MOST_STEPS = 150  # corners kept of one line


def query_figures(view: View) -> list[Figure]:
    """A figure for each attack."""
    curves = query_curves(view.records)
    return [_figure(view, attack, [c for c in curves if c.attack == attack]) for attack in view.attacks]


def _figure(view: View, attack: str, curves: list[QueryCurve]) -> Figure:
    first = min((c.queries[0] for c in curves if c.queries), default=1)
    last = max(2, *(c.longest for c in curves))
    domain = [max(1, min(first, last // 10)), last]
    thresholds = sorted({c.threshold for c in curves})
    chart = (
        alt.Chart(alt.InlineData(values=[row for c in curves for row in _corners(c, domain)]))
        .mark_line(interpolate="step-after", strokeWidth=2, clip=True)
        .encode(
            x=alt.X(
                "queries:Q",
                title="Queries an image (logarithmic)",
                scale=alt.Scale(type="log", domain=domain, nice=False),
                axis=alt.Axis(values=_ticks(*domain), format="~s", grid=False),
            ),
            y=alt.Y("share:Q", title="Fooled (%)", scale=alt.Scale(domain=[0, 100])),
            color=alt.Color(
                "threshold:O",
                title="Threshold th",
                scale=alt.Scale(domain=thresholds, range=_line_shades(attack, len(thresholds))),
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
        _alt(name, curves),
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


def _ticks(low: int, high: int) -> list[int]:
    """Powers of ten; over less than two decades their doubles and fives too."""
    steps = (1,) if log10(high / low) >= 2 else (1, 2, 5)
    powers = [10**k for k in range(int(log10(high)) + 1)]
    return [step * power for power in powers for step in steps if low <= step * power <= high]


def _line_shades(attack: str, number: int) -> list[str]:
    """From a light but visible tint to the darkest, in equal steps."""
    dark = SHADES.get(attack, OTHER_SHADES)[1]
    parts = [int(dark[k : k + 2], 16) for k in (1, 3, 5)]
    tints = [0.0] if number == 1 else [0.62 * (1 - k / (number - 1)) for k in range(number)]
    return ["#" + "".join(f"{round(p + (255 - p) * tint):02x}" for p in parts) for tint in tints]


def _alt(name: str, curves: list[QueryCurve]) -> str:
    parts = [
        f"threshold {c.threshold} by {search_name(c.search)}: {percent(c.share(c.longest))} in {c.longest:,}"
        for c in curves
    ]
    return f"Step chart of the share of images fooled against queries for {name}. {'; '.join(parts)}."
