"""The figures of a study: classes, curves and transfer as maps and lines over all networks, norms as bars."""

from collections.abc import Iterable, Sequence
from typing import Any

import altair as alt

from pixelproof.report.figure import COLOURS, PAPER, SHADES, WIDTH, Figure
from pixelproof.report.heat_map import rate_map
from pixelproof.results import study
from pixelproof.results.intervals import Rate
from pixelproof.wording import attack_name, percent

_LABELS = 118  # px for network names
_INK = "#1f2328"
_TICKS = (0, 1, 2, 3, 5, 10, 20, 50, 100)
# Eight colours apart for most eyes, after Okabe & Ito (2008); from the ninth line on they come again, dashed.
_LINES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#8a6d00", "#000000", "#7a4fbf")
_DASHES = ([1, 0], [6, 3], [2, 2])
_PARTS = (  # name, field, colour; the two norms at the ends, what both show between them
    ("L0 only", "few_pixel_only", COLOURS["few-pixel"]),
    ("both", "both", "#8c7aa6"),
    ("L∞ only", "threshold_only", COLOURS["threshold"]),
    ("neither", "neither", "#e3e6ea"),
)


def class_map_figures(maps: Iterable[study.ClassMap]) -> list[Figure]:
    """Networks × classes, a map for each norm and threshold."""
    return [_class_map(found) for found in maps]


def curve_figures(areas: Sequence[study.NetworkArea]) -> list[Figure]:
    """Samples fooled up to each threshold, all networks in one figure for each norm."""
    groups = {attack: [a for a in areas if a.minimal.attack == attack] for attack in study.NORMS}
    return [_curves(attack, group) for attack, group in groups.items() if group]


def duality_figures(rows: Sequence[study.NetworkDuality]) -> list[Figure]:
    """One figure of bars by level and network; none without rows."""
    return [_bars(rows)] if rows else []


def transfer_figures(cells: Sequence[study.TransferCell]) -> list[Figure]:
    """Sources × targets, a map for each norm."""
    groups = {attack: [cell for cell in cells if cell.attack == attack] for attack in study.NORMS}
    return [_transfer(attack, group) for attack, group in groups.items() if group]


def _class_map(found: study.ClassMap) -> Figure:
    cells = [
        (label, name, rate)
        for label, rates in found.rows.items()
        for name, rate in zip(found.classes, rates, strict=True)
    ]
    name, where = attack_name(found.attack), f"th = {found.threshold}"
    return Figure(
        f"study-classes-{found.attack}-{found.threshold}",
        f"{name}, {where}: fooled by class",
        f"Heat map of samples fooled by network and class, {name}, {where}; the table of classes has the numbers.",
        "Each cell: percent of the class's attacked samples fooled; the deeper, the larger. Blank: none attacked.",
        _map(cells, found.attack, "Class"),
    )


def _transfer(attack: str, cells: Sequence[study.TransferCell]) -> Figure:
    name = attack_name(attack)
    return Figure(
        f"study-transfer-{attack}",
        f"{name}: transfer",
        f"Heat map of samples of each source network that fool each target, {name}; the table has the numbers.",
        "Sources down, targets across. Each cell: percent of the source's adversarial images, each at its minimal "
        "threshold, that fool the target, of those whose clean image it classifies correctly.",
        _map([(cell.source, cell.target, cell.fooled) for cell in cells], attack, "Target"),
    )


def _map(cells: Sequence[tuple[str, str, Rate | None]], attack: str, across: str) -> dict[str, Any]:
    return rate_map(cells, SHADES[attack], across, _LABELS)


def _curves(attack: str, areas: Sequence[study.NetworkArea]) -> Figure:
    labels = [area.label for area in areas]
    colours = [_LINES[k % len(_LINES)] for k in range(len(labels))]
    dashes = [_DASHES[k // len(_LINES) % len(_DASHES)] for k in range(len(labels))]
    largest = max(area.minimal.largest for area in areas)
    legend = alt.Legend(columns=2, symbolType="stroke", symbolSize=400, labelLimit=150)
    chart = (
        alt.Chart(alt.InlineData(values=[point for area in areas for point in _points(area)]))
        .mark_line(interpolate="step-after", strokeWidth=2)
        .encode(
            x=alt.X(
                "threshold:Q",
                title="Threshold th (pixels)" if attack == "few-pixel" else "Threshold th (grey steps of 255)",
                scale=alt.Scale(type="symlog", domain=[0, largest], nice=False),
                axis=alt.Axis(values=[t for t in _TICKS if t <= largest], grid=False, format="d", labelOverlap=True),
            ),
            y=alt.Y("share:Q", title="Fooled (%)", scale=alt.Scale(domain=[0, 100])),
            color=alt.Color("label:N", title=None, scale=alt.Scale(domain=labels, range=colours), legend=legend),
            strokeDash=alt.StrokeDash("label:N", title=None, scale=alt.Scale(domain=labels, range=dashes)),
        )
        .properties(width=WIDTH - 70, height=260)
    )
    name = attack_name(attack)
    return Figure(
        f"study-curves-{attack}",
        f"{name}: fooled by threshold",
        f"Step chart of the share of samples fooled by threshold, {name}. {' '.join(map(_said, areas))}",
        "The share of attacked samples whose minimal threshold lies at or below each threshold, of every network; the "
        "table of rates has the intervals.",
        chart.to_dict(),
    )


def _fooled(area: study.NetworkArea, threshold: int) -> Rate:
    left = area.minimal.left(threshold)
    return Rate(left.total - left.successes, left.total)


def _points(area: study.NetworkArea) -> list[dict[str, Any]]:
    return [
        {"label": area.label, "threshold": th, "share": round(100 * (_fooled(area, th).value or 0.0), 3)}
        for th in area.minimal.corners
    ]


def _said(area: study.NetworkArea) -> str:
    shares = [f"{percent(_fooled(area, th).value)} at {th}" for th in (1, 10, area.minimal.largest)]
    return f"{area.label}: {', '.join(dict.fromkeys(shares))}."


def _bars(rows: Sequence[study.NetworkDuality]) -> Figure:
    labels = list(dict.fromkeys(row.label for row in rows))
    values = [
        {
            "label": row.label,
            "level": f"th = {row.row.threshold}",
            "part": name,
            "place": place,
            "share": round(100 * getattr(row.row, field) / row.row.total, 3),
        }
        for row in rows
        for place, (name, field, _) in enumerate(_PARTS)
    ]
    levels = list(dict.fromkeys(value["level"] for value in values))
    scale = alt.Scale(domain=[part[0] for part in _PARTS], range=[part[2] for part in _PARTS])
    chart = (
        alt.Chart(alt.InlineData(values=values))
        .mark_bar(stroke=PAPER, strokeWidth=0.5)
        .encode(
            x=alt.X("share:Q", title="Samples (%)", scale=alt.Scale(domain=[0, 100])),
            y=alt.Y("label:N", sort=labels, title=None, axis=alt.Axis(labelLimit=_LABELS, domain=False, ticks=False)),
            color=alt.Color("part:N", title=None, scale=scale, legend=alt.Legend(columns=4)),
            order="place:Q",
            row=alt.Row("level:N", sort=levels, title=None, header=alt.Header(**_HEADER), spacing=18),
        )
        .properties(width=WIDTH - _LABELS - 10, height=alt.Step(18))
    )
    shares = [f"{percent(rate.value)} at th = {th}" for th, rate in study.one_norm_only(rows).items()]
    return Figure(
        "study-duality",
        "Which norm fools which samples",
        f"Bars of samples fooled under L0 only, both norms, L∞ only or neither, by level and network. "
        f"Under one norm only, over {study.headline_networks(rows)}: {', '.join(shares)}.",
        "Samples by the norms that fool them at each level; what one end shows, the other norm alone hides.",
        chart.to_dict(),
    )


_HEADER: dict[str, Any] = {
    "labelAngle": 0,
    "labelOrient": "top",
    "labelAnchor": "start",
    "labelFontSize": 12,
    "labelColor": _INK,
    "labelPadding": -6,  # nearer to its own bars than to those above
}
