"""A grid in a few sentences that need no background."""

from __future__ import annotations

from collections.abc import Sequence

from pixelproof.plans.grid.view import GridView
from pixelproof.report.grid_clever import clever_sentences
from pixelproof.report.grid_tables import TARGET_TITLES, WAY_TITLES
from pixelproof.results.attempts import WORST
from pixelproof.results.grid import GridCell, Standing, standings, where
from pixelproof.wording import listed, percent, plural

_FEW_SAMPLES = 30  # below this the 95 % interval of a half is wider than ±17 points


def grid_summary(view: GridView) -> list[str]:
    """Sentences on: the strongest attack, the best and worst combination in each setting, joint defences, trust."""
    single = [cell for cell in view.cells if cell.place.attack != WORST]
    sentences = [
        _attacks(view, single),
        *(_combinations(view, way, target) for way, target in view.settings),
        _joining(view),
        _clean(view),
        *clever_sentences(view),
        _trust(view),
    ]
    return [sentence for sentence in sentences if sentence]


def _attacks(view: GridView, cells: Sequence[GridCell]) -> str:
    rows = standings(cells, lambda cell: view.short[cell.place.attack])
    if len(rows) < 2:
        return ""
    return (
        f"Over all models, defences and targets, {rows[0].name} fooled most ({percent(rows[0].mean)} of the samples on "
        f"average) and {rows[-1].name} least ({percent(rows[-1].mean)})."
    )


def _combinations(view: GridView, way: str, target: str) -> str:
    """The model and defence that gave way least and most to the attacks of one setting, by their mean."""
    cells = [cell for cell in view.at(way, target) if cell.place.attack != WORST]
    rows = standings(cells, lambda cell: where(cell.place))
    if len(rows) < 2:
        return ""
    setting = TARGET_TITLES.get(target, f"class {target}").capitalize() + f", {WAY_TITLES[way]}"
    return (
        f"{setting}: on average over the attacks {_those(rows, rows[-1])} stood best ({percent(rows[-1].mean)} "
        f"fooled), {_those(rows, rows[0])} worst ({percent(rows[0].mean)})."
    )


def _those(rows: Sequence[Standing], like: Standing) -> str:
    names = sorted(row.name for row in rows if row.mean == like.mean)
    return listed(names) if len(names) <= 3 else f"{plural(len(names), 'combination')}"


def _joining(view: GridView) -> str:
    """How often a joint defence lets through fewer than the best of its parts."""
    better = worse = 0
    for way, target in view.settings:
        cells = [cell for cell in view.at(way, target) if cell.place.attack != WORST]
        means = {
            row.name: row.mean for row in standings(cells, lambda cell: f"{cell.place.model}|{cell.place.defence}")
        }
        for name, mean in means.items():
            model, _, defence = name.partition("|")
            parts = [means.get(f"{model}|{part}") for part in defence.split("+")]
            known = [part for part in parts if part is not None]
            if len(parts) > 1 and len(known) == len(parts):
                better, worse = better + (mean < min(known)), worse + (mean >= min(known))
    if not better + worse:
        return ""
    return (
        f"Joining defences: in {better} of {better + worse} cases the joint one let through less than the best of its "
        "parts (mean over the attacks)."
    )


def _clean(view: GridView) -> str:
    """What the costliest defence takes from clean accuracy."""
    bare = {cost.model: cost.clean.value for cost in view.costs if not cost.defence}
    losses = [
        (before - after, cost)
        for cost in view.costs
        if cost.defence and (before := bare.get(cost.model)) is not None and (after := cost.clean.value) is not None
    ]
    if not losses:
        return ""
    loss, cost = max(losses, key=lambda pair: pair[0])
    if loss <= 0:
        return "Where nobody attacks, no defence costs accuracy."
    without, behind = percent(bare[cost.model]), percent(cost.clean.value)
    return (
        f"Where nobody attacks, {cost.defence} costs {cost.model} most: {without} of the images right without it, "
        f"{behind} with it."
    )


def _trust(view: GridView) -> str:
    fewest = min((cell.fooled.total for cell in view.cells), default=0)
    if fewest >= _FEW_SAMPLES:
        return ""
    return f"With as few as {plural(fewest, 'sample')} in a cell, single rates are rough; the intervals say how rough."
