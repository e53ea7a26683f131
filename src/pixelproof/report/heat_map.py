"""Heat maps: of any rates by row and column, and of the classes of a run by threshold."""

from collections.abc import Sequence
from typing import Any

import altair as alt

from pixelproof.report.figure import OTHER_SHADE, PAPER, SHADES, WIDTH, Figure
from pixelproof.results.intervals import Rate
from pixelproof.results.per_class import ClassRow, pooled_by_class
from pixelproof.results.view import View
from pixelproof.wording import attack_name, count

_WORST = 20
_LABELS = 110  # px for class names
_LETTERS = 16  # of a class name
_DARK_FROM = 65  # percent from which light letters are easier to read on a cell
_LETTERS_ON = ("#000000", "#fefefe")  # of pale and of dark cells


def rate_map(
    cells: Sequence[tuple[str, str, Rate | None]], shade: str, across: str | None, labels: int
) -> dict[str, Any]:
    """A heat map of (row, column, rate) in the order in which they come; cells without a rate are blank.

    ``shade`` is that of 100 %, ``across`` heads the columns, ``labels`` is the room for row names in px.
    """
    down, over = list(dict.fromkeys(cell[0] for cell in cells)), list(dict.fromkeys(cell[1] for cell in cells))
    step = max(22, min(40, (WIDTH - labels - 20) // max(1, len(over))))
    known = [(row, column, rate.value) for row, column, rate in cells if rate is not None and rate.value is not None]
    values = [
        {"row": row, "column": column, "share": round(100 * share, 3), "text": f"{100 * share:.0f}"}
        for row, column, share in known
    ]
    axis = alt.Axis(domain=False, ticks=False, labelLimit=labels, labelPadding=6)
    top = alt.Axis(domain=False, ticks=False, labelLimit=labels, orient="top", labelAngle=-90)
    base = alt.Chart(alt.InlineData(values=values)).encode(
        x=alt.X("column:N", sort=over, title=across, axis=top, scale=alt.Scale(domain=over)),
        y=alt.Y("row:N", sort=down, title=None, axis=axis, scale=alt.Scale(domain=down)),
    )
    told = [alt.Tooltip("row:N", title="Row"), alt.Tooltip("column:N", title=across or "Column"), _PERCENT]
    spec: dict[str, Any] = (
        (_squares(base, shade) + base.mark_text(fontSize=11).encode(text="text:N", color=_LETTER))
        .encode(tooltip=told)
        .properties(width=alt.Step(step), height=alt.Step(24))
        .to_dict()
    )
    return spec


_FOOLED = alt.Tooltip("label:N", title="Fooled of attacked")
_PERCENT = alt.Tooltip("share:Q", title="Percent", format=".1f")
_LETTER = alt.condition(f"datum.share > {_DARK_FROM}", alt.value(_LETTERS_ON[1]), alt.value(_LETTERS_ON[0]))


def _squares(base: alt.Chart, shade: str) -> alt.Chart:
    """Cells of one colour, the more of it the larger the share, so that they are pale on any paper."""
    depth = alt.Scale(domain=[0, 100], range=[0.03, 1])
    squares = base.mark_rect(stroke=PAPER, strokeWidth=1.5, color=shade)
    filled: alt.Chart = squares.encode(fillOpacity=alt.FillOpacity("share:Q", scale=depth, legend=None))
    return filled


# The classes of a run.


def class_figures(view: View) -> list[Figure]:
    """A map for each attack; of more than 30 classes the 20 that were fooled most often, as its caption says."""
    shown = _shown(view)
    return [_heat_map(view, attack, shown) for attack in view.rated]


def _shown(view: View) -> list[int]:
    """Class numbers from top to bottom."""
    pooled = pooled_by_class(view.classes)
    if not view.many_classes:
        return list(pooled)
    return sorted(pooled, key=lambda k: (-(pooled[k].value or 0.0), -pooled[k].total, k))[:_WORST]


def _heat_map(view: View, attack: str, shown: list[int]) -> Figure:
    rows = [row for row in view.classes if row.attack == attack and row.label in shown]
    levels = sorted({row.threshold for row in rows})
    step = max(30, min(64, (WIDTH - _LABELS - 30) // max(1, len(levels))))
    names = _names(view, shown)
    base = alt.Chart(alt.InlineData(values=[_cell(row, names) for row in rows])).encode(
        x=alt.X(
            "threshold:O",
            sort=None,
            title="Threshold th",
            axis=alt.Axis(labelAngle=0, orient="top", domain=False, ticks=False),
        ),
        y=alt.Y(
            "class:N",
            sort=list(names.values()),
            title=None,
            axis=alt.Axis(labelLimit=_LABELS, domain=False, ticks=False, labelPadding=6),
        ),
    )
    labels = base.mark_text(fontSize=12 if step >= 40 else 11).encode(
        text="label:N" if step >= 40 else "percent:N", color=_LETTER
    )
    told = [alt.Tooltip("class:N", title="Class"), alt.Tooltip("threshold:O", title="th"), _FOOLED, _PERCENT]
    squares = _squares(base, SHADES.get(attack, OTHER_SHADE))
    chart = (squares + labels).encode(tooltip=told).properties(width=alt.Step(step), height=alt.Step(24))
    name = attack_name(attack)
    return Figure(
        f"classes-{attack}",
        f"{name}: fooled by class",
        f"Heat map of images fooled by class and threshold, {name}; the table of classes has the numbers.",
        _caption(view, shown, step),
        chart.to_dict(),
    )


def _names(view: View, shown: list[int]) -> dict[int, str]:
    """Class names by number, long ones without their middle, told apart where two classes share one."""
    names = {label: _short(view.class_name(label)) for label in shown}
    taken = list(names.values())
    return {k: name if taken.count(name) == 1 else f"{name} ({k})" for k, name in names.items()}


def _short(name: str) -> str:
    return name if len(name) <= _LETTERS else f"{name[: _LETTERS // 2]}…{name[-_LETTERS // 2 + 1 :]}"


def _cell(row: ClassRow, names: dict[int, str]) -> dict[str, object]:
    share = 100 * (row.fooled.value or 0.0)
    return {
        "class": names[row.label],
        "threshold": row.threshold,
        "share": round(share, 3),
        "label": row.fooled.ratio,
        "percent": f"{share:.0f}",
    }


def _caption(view: View, shown: list[int], step: int) -> str:
    unit = "images fooled of images attacked" if step >= 40 else "percent of attacked images fooled"
    attacked = len(pooled_by_class(view.classes))
    text = f"Each cell: {unit}; the deeper, the larger the share."
    if len(shown) < attacked:
        text += f" Of {count(attacked)} attacked classes, the {len(shown)} that were fooled most often are shown."
    return text
