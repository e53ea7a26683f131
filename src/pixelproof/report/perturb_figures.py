"""The figures on perturbations: bars over all, and panels of accuracy against strength and of how far one can go."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import altair as alt

from pixelproof.report.figure import WIDTH, Figure, in_percent
from pixelproof.results.intervals import Rate
from pixelproof.results.perturb_view import PerturbView, title_of
from pixelproof.results.perturbations import Least, PerturbationRecord, by_perturbation
from pixelproof.wording import minus, percent

_BLUE, _ORANGE = "#1b4f91", "#cf6a12"
_PANEL = (WIDTH - 74) // 2  # px of a small chart, of which two stand beside each other
_SHARES = {"share": "Percent", "low": "95 %: low", "high": "95 %: high"}
_ROW = 17  # px of a bar


Row = Mapping[str, Any]


def perturb_figures(view: PerturbView) -> list[Figure]:
    """The bars, then every perturbation's curve side by side, then how far images can be perturbed."""
    drawn = [bars_figure(view), curves_figure(view)] if view.cells else []
    return [*drawn, walks_figure(view.least)] if view.least else drawn


def bars_figure(view: PerturbView, name: str = "perturb-bars") -> Figure:
    """Mean accuracy of every perturbation, the strongest on top, and a line where the clean accuracy is."""
    rows = view.standings
    names = [title_of(row.perturbation) for row in rows]
    values = [{"name": name, "share": round(100 * row.accuracy, 3)} for name, row in zip(names, rows, strict=True)]
    x = alt.X("share:Q", title="Right (%)", scale=alt.Scale(domain=[0, 100]))
    bars = alt.Chart(alt.InlineData(values=values)).mark_bar(color=_BLUE, height={"band": 0.7})
    bars = bars.encode(x=x, y=alt.Y("name:N", sort=names, title=None, axis=alt.Axis(ticks=False, labelLimit=200)))
    clean = alt.Chart(alt.InlineData(values=[{"share": round(100 * (view.clean.value or 0.0), 3)}]))
    line = clean.mark_rule(color=_ORANGE, strokeWidth=2, strokeDash=[5, 3]).encode(x=x)
    chart = alt.layer(bars, line).properties(width=WIDTH - 140, height=_ROW * len(rows))
    said = ", ".join(f"{title_of(row.perturbation)} {percent(row.accuracy)}" for row in rows)
    return Figure(
        name,
        "Accuracy under every perturbation",
        f"Bars of the mean accuracy over strengths, strongest perturbation first: {said}.",
        "Means over the strengths; the dashed line is the accuracy on clean images.",
        chart.to_dict(),
    )


def curves_figure(view: PerturbView) -> Figure:
    """A small panel a perturbation, strongest first: accuracy with its interval against the strength."""
    found = by_perturbation(view.cells)
    order = [row.perturbation for row in view.standings]
    rows = [
        {"name": title_of(name), "strength": minus(cell.strength), "unit": cell.unit, **in_percent(rate)}
        for name in order
        for cell, rate in _from_none(view, found[name])
    ]
    worst = {title_of(row.perturbation): row.worst.right(view.labels) for row in view.standings}
    said = "; ".join(f"{name} {percent(rate.value)}" for name, rate in worst.items())
    return Figure(
        "perturb-curves",
        "Accuracy by strength",
        f"A line chart for each perturbation of accuracy against strength; at the worst strength: {said}.",
        "Strengths from left to right, that which changes nothing among them, with 95 % intervals; the table below has "
        "the distances too.",
        _panels(rows, list(worst), "Right (%)"),
    )


def _from_none(view: PerturbView, cells: Sequence[PerturbationRecord]) -> list[tuple[PerturbationRecord, Rate]]:
    """The cells by strength with their rates, among them one at the strength that changes nothing."""
    none = cells[0].none
    rest = [(cell, cell.right(view.labels)) for cell in cells if cell.strength != none]
    return sorted([(replace(cells[0], strength=none), view.clean), *rest], key=lambda pair: pair[0].strength)


def _panels(rows: Sequence[Row], names: Sequence[str], title: str) -> dict[str, Any]:
    """Small charts of the share against the strength in the order of the rows, one a name, two beside each other."""
    share = alt.Scale(domain=[0, 100])
    across = alt.Axis(labelAngle=0, labelOverlap=True, ticks=False, grid=False)
    base = alt.Chart().encode(x=alt.X("strength:O", title=None, sort=None, axis=across))
    axis = alt.Axis(values=[0, 50, 100])
    told = [
        alt.Tooltip("name:N", title="Perturbation"),
        alt.Tooltip("strength:N", title="Strength"),
        alt.Tooltip("unit:N", title="Unit"),
        *(alt.Tooltip(f"{field}:Q", title=name, format=".1f") for field, name in _SHARES.items()),
    ]

    def y(field: str) -> alt.Y:
        return alt.Y(f"{field}:Q", title=title, scale=share, axis=axis)

    band = base.mark_area(opacity=0.16, color=_BLUE).encode(y=y("low"), y2="high:Q")
    line = base.mark_line(color=_BLUE, strokeWidth=2).encode(y=y("share"))
    points = base.mark_point(color=_BLUE, filled=True, size=34, opacity=1).encode(y=y("share"), tooltip=told)
    head = alt.Header(labelFontSize=12, labelAnchor="start", labelPadding=2)
    panel = alt.layer(band, line, points, data=alt.InlineData(values=list(rows))).properties(width=_PANEL, height=64)
    chart = panel.facet(alt.Facet("name:N", title=None, sort=list(names), header=head), columns=2)
    spec: dict[str, Any] = chart.resolve_scale(x="independent").properties(spacing=14).to_dict()
    return spec


def walks_figure(least: Sequence[Least]) -> Figure:
    """A small panel for each perturbation that was walked to: the share still right by strength."""
    rows = [
        {"name": _walk(each), "strength": minus(at, ".3g"), "unit": each.unit, **in_percent(each.still_right(at))}
        for each in least
        for at in each.ladder
    ]
    ends = "; ".join(f"{_walk(each)} {percent(each.still_right(each.towards).value)}" for each in least)
    return Figure(
        "perturb-walks",
        "Still right on the way",
        "A line chart for each perturbation of the share of images that no strength on the way made wrong; at the end: "
        f"{ends}.",
        "Of the images right when clean, those that no smaller strength made wrong, with 95 % intervals; from where "
        "nothing is changed, at the left, in even steps.",
        _panels(rows, [_walk(each) for each in least], "Still right (%)"),
    )


def _walk(each: Least) -> str:
    return f"{title_of(each.perturbation)} to {minus(each.towards)}"
