"""The figures on perturbations: bars over all, and for each its accuracy against strength with the distances below."""

from collections.abc import Sequence
from typing import Any

import altair as alt

from pixelproof.report.figure import WIDTH, Figure, in_percent
from pixelproof.results.perturb_view import PerturbView, title_of
from pixelproof.results.perturbations import Distance, Least, PerturbationRecord, by_perturbation
from pixelproof.wording import percent

_BLUE, _GREEN, _PURPLE, _ORANGE, _GREY = "#1b4f91", "#3d7a4a", "#6a3d8a", "#cf6a12", "#59636e"
_STRIPS: tuple[tuple[Distance, str, str], ...] = (
    ("l1", "L1", _GREEN),
    ("l2", "L2", _PURPLE),
    ("linf", "L∞", _ORANGE),
    ("ssim", "SSIM", _GREY),
)
_INNER = WIDTH - 90  # px of an axis, room for its labels left
_ROW = 17  # px of a bar


def perturb_figures(view: PerturbView) -> list[Figure]:
    """The bars, then each perturbation's curves, then how far images can be perturbed."""
    curves = [_curves(view, name, cells) for name, cells in by_perturbation(view.cells).items()]
    walks: dict[str, list[Least]] = {}
    for each in view.least:
        walks.setdefault(each.perturbation, []).append(each)
    return [*([bars_figure(view)] if view.cells else []), *curves, *(_walk(name, each) for name, each in walks.items())]


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


def _curves(view: PerturbView, name: str, cells: Sequence[PerturbationRecord]) -> Figure:
    """Accuracy with its interval against strength, and below it the mean distances."""
    rows = [_row(cell, view) for cell in cells]
    none = cells[0].none
    if none not in [cell.strength for cell in cells]:
        rows.append(_at_rest(none, view))
    rows.sort(key=lambda row: row["strength"])
    data = alt.InlineData(values=rows)
    strengths = [row["strength"] for row in rows]
    axis = alt.Axis(values=strengths, grid=False, labelOverlap=True)
    scale = alt.Scale(domain=[min(strengths), max(strengths)], nice=False, zero=False)

    def x(last: bool) -> Any:
        unit = cells[0].unit.capitalize()
        shown = axis if last else alt.Axis(values=strengths, grid=False, labels=False, ticks=False)
        return alt.X("strength:Q", title=unit if last else None, axis=shown, scale=scale)

    share = alt.Scale(domain=[0, 100])
    base = alt.Chart(data)
    band = base.mark_area(opacity=0.14, color=_BLUE).encode(x=x(False), y=alt.Y("low:Q", scale=share), y2="high:Q")
    line = base.mark_line(point={"size": 28, "color": _BLUE}, color=_BLUE, strokeWidth=2)
    line = line.encode(x=x(False), y=alt.Y("share:Q", title="Right (%)", scale=share))
    parts = [alt.layer(band, line).properties(width=_INNER, height=110)]
    for k, (key, title, colour) in enumerate(_STRIPS):
        y = alt.Y(f"{key}:Q", title=title, axis=alt.Axis(tickCount=2, format="~s"), scale=alt.Scale(zero=key != "ssim"))
        strip = base.mark_line(point={"size": 18, "color": colour}, color=colour).encode(
            x=x(k == len(_STRIPS) - 1), y=y
        )
        parts.append(strip.properties(width=_INNER, height=34))
    said = ", ".join(f"{percent(cell.right(view.labels).value)} at {cell.strength:g}" for cell in cells)
    return Figure(
        f"perturb-curve-{name}",
        title_of(name),
        f"Line chart of accuracy against {cells[0].unit} of {title_of(name)}: {said}; mean distances below.",
        "Accuracy with its 95 % interval; below it the mean distances to the clean image, in grey levels.",
        alt.vconcat(*parts, spacing=8).to_dict(),
    )


def _row(cell: PerturbationRecord, view: PerturbView) -> dict[str, float]:
    means: dict[str, float] = {key: round(cell.mean(key), 4) for key, _, _ in _STRIPS}
    return {"strength": cell.strength, **in_percent(cell.right(view.labels)), **means}


def _at_rest(none: float, view: PerturbView) -> dict[str, float]:
    """Where nothing is changed."""
    return {"strength": none, **in_percent(view.clean), "l1": 0.0, "l2": 0.0, "linf": 0.0, "ssim": 1.0}


def _walk(name: str, walks: Sequence[Least]) -> Figure:
    """The share still right by strength, each way from the one that changes nothing."""
    found = {strength: each.still_right(strength) for each in walks for strength in each.ladder}
    rows = [
        {"strength": round(strength, 6), "share": round(100 * (rate.value or 0.0), 3)}
        for strength, rate in sorted(found.items())
    ]
    chart = alt.Chart(alt.InlineData(values=rows)).mark_line(color=_BLUE, strokeWidth=2)
    domain = [rows[0]["strength"], rows[-1]["strength"]]
    chart = chart.encode(
        x=alt.X("strength:Q", title=walks[0].unit.capitalize(), scale=alt.Scale(domain=domain, nice=False, zero=False)),
        y=alt.Y("share:Q", title="Still right (%)", scale=alt.Scale(domain=[0, 100])),
    ).properties(width=_INNER, height=120)
    ends = ", ".join(f"{percent(each.still_right(each.towards).value)} up to {each.towards:g}" for each in walks)
    return Figure(
        f"perturb-walk-{name}",
        title_of(name),
        f"Line chart of the share of images that no strength on the way made wrong, {title_of(name)}: {ends}.",
        "Of the images right when clean, those that no smaller strength made wrong.",
        chart.to_dict(),
    )
