"""The curve that a run of minimal thresholds is made for: how many images still stand at each threshold."""

from __future__ import annotations

from typing import Any

import altair as alt

from pixelproof.report.figure import COLOURS, OTHER_COLOUR, WIDTH, Figure
from pixelproof.results.minimal import MinimalThresholds
from pixelproof.results.view import View
from pixelproof.wording import attack_name, percent

_DASHES = {"few-pixel": [1, 0], "threshold": [7, 3]}  # for eyes and paper without colours
_OTHER_DASH = [2, 2]
_TICKS = (0, 1, 2, 3, 5, 10, 20, 50, 100, 200)
_LINEAR_TO = 12  # a largest threshold up to which equal steps are readable


def minimal_figure(view: View) -> Figure:
    """Step curves with 95 % bands, one for each attack."""
    curves = view.minimal_thresholds
    band = _base(curves).mark_area(interpolate="step-after", opacity=0.14)
    line = _base(curves).mark_line(interpolate="step-after", strokeWidth=2)
    names = [attack_name(c.attack) for c in curves]
    dashes = alt.Scale(domain=names, range=[_DASHES.get(c.attack, _OTHER_DASH) for c in curves])
    chart = alt.layer(
        band.encode(y=_share("low"), y2="high:Q"),
        line.encode(y=_share("share"), strokeDash=alt.StrokeDash("attack:N", title=None, scale=dashes)),
    ).properties(width=WIDTH - 70, height=260)
    return Figure(
        "minimal-thresholds",
        "Images not yet fooled, by threshold",
        _alt(curves),
        "The share of attacked images whose minimal threshold lies above each threshold, with 95 % Wilson intervals. "
        "A threshold counts pixels in few-pixel attacks and grey steps in threshold attacks.",
        chart.to_dict(),
    )


def _base(curves: list[MinimalThresholds]) -> Any:
    """Horizontal axis and colours, which both layers share."""
    largest = max(c.largest for c in curves)
    names, colours = [attack_name(c.attack) for c in curves], [COLOURS.get(c.attack, OTHER_COLOUR) for c in curves]
    x = alt.X(
        "threshold:Q",
        title="Threshold th (pixels, or grey steps of 255)",
        scale=alt.Scale(type="linear" if largest <= _LINEAR_TO else "symlog", domain=[0, largest], nice=False),
        axis=alt.Axis(values=[t for t in _TICKS if t <= largest], grid=False, format="d", labelOverlap=True),
    )
    legend = alt.Legend(columns=2, symbolType="stroke", symbolSize=400, symbolOpacity=1)
    colour = alt.Color("attack:N", title=None, scale=alt.Scale(domain=names, range=colours), legend=legend)
    return alt.Chart(alt.InlineData(values=[row for c in curves for row in _rows(c)])).encode(x=x, color=colour)


def _share(field: str) -> Any:
    return alt.Y(f"{field}:Q", title="Not yet fooled (%)", scale=alt.Scale(domain=[0, 100]))


def _rows(curve: MinimalThresholds) -> list[dict[str, Any]]:
    rows = []
    for threshold in curve.corners:
        left = curve.left(threshold)
        shares = {"share": left.value or 0.0, "low": left.interval.low, "high": left.interval.high}
        percents = {key: round(100 * share, 3) for key, share in shares.items()}
        rows.append({"threshold": threshold, "attack": attack_name(curve.attack), **percents})
    return rows


def _alt(curves: list[MinimalThresholds]) -> str:
    parts = []
    for curve in curves:
        shares = [f"{percent(curve.left(th).value)} at {th}" for th in (1, 3, 5, 10, curve.largest)]
        parts.append(f"{attack_name(curve.attack)}: {', '.join(dict.fromkeys(shares))}")
    return f"Step chart of the share of images not yet fooled against the threshold. {'. '.join(parts)}."
