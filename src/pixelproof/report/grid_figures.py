"""The figures of a grid: bars by attack and target for each model and defence, and maps of defences × attacks."""

import altair as alt

from pixelproof.plans.grid.view import GridView
from pixelproof.report.figure import OTHER_SHADE, WIDTH, Figure
from pixelproof.report.grid_tables import ACCESS_TITLES, BARE, TARGET_TITLES
from pixelproof.report.heat_map import rate_map

_LABELS = 128  # px for the names of defences
_TARGETS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9")  # apart for most eyes, after Okabe & Ito (2008)


def grid_figures(view: GridView) -> list[Figure]:
    """Bars for every model and access, then a map for every model, access and target."""
    accesses = list(dict.fromkeys(access for access, _ in view.settings))
    models = list(dict.fromkeys(cell.place.model for cell in view.cells))
    bars = [_bars(view, model, access) for model in models for access in accesses]
    maps = [_map(view, model, access, target) for model in models for access, target in view.settings]
    return [*bars, *maps]


def _bars(view: GridView, model: str, access: str) -> Figure:
    """A strip of bars for each defence: attacks across, a colour for each target."""
    targets = [target for found, target in view.settings if found == access]
    found = [cell for target in targets for cell in view.at(access, target) if cell.place.model == model]
    names = [TARGET_TITLES.get(target, f"class {target}") for target in targets]
    defences = list(dict.fromkeys(cell.place.defence or BARE for cell in found))
    values = [
        {
            "defence": cell.place.defence or BARE,
            "attack": view.short[cell.place.attack],
            "target": TARGET_TITLES.get(cell.place.target, f"class {cell.place.target}"),
            "share": round(100 * (cell.fooled.value or 0.0), 3),
        }
        for cell in found
    ]
    colour = alt.Color(
        "target:N",
        title=None,
        scale=alt.Scale(domain=names, range=[_TARGETS[k % len(_TARGETS)] for k in range(len(names))]),
        legend=alt.Legend(columns=3) if len(names) > 1 else None,
    )
    share = alt.Y("share:Q", title="Fooled (%)", scale=alt.Scale(domain=[0, 100]), axis=alt.Axis(values=[0, 50, 100]))
    head = alt.Header(labelAngle=0, labelOrient="top", labelAnchor="start", labelFontSize=12, labelPadding=3)
    strip = alt.Chart(alt.InlineData(values=values)).mark_bar()
    strip = strip.encode(
        x=alt.X("attack:N", sort=None, title=None, axis=alt.Axis(labelAngle=-40, ticks=False)),
        xOffset=alt.XOffset("target:N", sort=names),
        y=share,
        color=colour,
    ).properties(width=WIDTH - 70, height=64)
    chart = strip.facet(row=alt.Row("defence:N", sort=defences, title=None, header=head)).properties(spacing=18)
    title = f"{model}, {ACCESS_TITLES[access]}"
    return Figure(
        f"grid-bars-{model}-{access}",
        f"{title}: success of the attacks",
        f"Bars of the share of samples fooled by attack, one strip a defence, {title}; the tables have the numbers.",
        "One strip a defence, named above it. The samples are those that the model behind that defence gets right.",
        chart.to_dict(),
    )


def _map(view: GridView, model: str, access: str, target: str) -> Figure:
    """Defences down, attacks across."""
    cells = [cell for cell in view.at(access, target) if cell.place.model == model]
    aim = TARGET_TITLES.get(target, f"class {target}")
    return Figure(
        f"grid-map-{model}-{access}-{target}",
        f"{model}, {ACCESS_TITLES[access]}, {aim}",
        f"Heat map of samples fooled by defence and attack: {model}, {ACCESS_TITLES[access]}, {aim}; numbers in the "
        "table.",
        "Defences down, attacks across. Each cell: percent of samples fooled; the deeper, the more.",
        rate_map(
            [(cell.place.defence or BARE, view.short[cell.place.attack], cell.fooled) for cell in cells],
            OTHER_SHADE,
            None,
            _LABELS,
        ),
    )
