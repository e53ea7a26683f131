"""The tables of a grid."""

from collections.abc import Callable, Iterable

from pixelproof.plans.grid.view import GridView
from pixelproof.report.table import Bold, Cell, Column, Kind, Table, rate_cells, rate_columns
from pixelproof.results.attempts import WORST
from pixelproof.results.grid import GridCell
from pixelproof.results.grid_clever import CleverRow
from pixelproof.wording import between

#: How attacks met a defence, as a heading.
ACCESS_TITLES = {
    "end-to-end": "attacked end to end",
    "replayed": "replayed from the bare model",
    "adaptive": "attacked adaptively",
}
TARGET_TITLES = {
    "none": "untargeted",
    "least-likely": "least likely class",
    "next": "next class",
    "random": "random class",
}
BARE = "none"
NORMS = {"l1": "L1", "l2": "L2", "linf": "L∞"}


def all_grid_tables(view: GridView) -> list[Table]:
    """Every table with a row in it."""
    tables = [
        *(success_table(view, *setting) for setting in view.settings),
        *(distance_table(view, *setting) for setting in view.settings),
        clever_table(view),
        cost_table(view),
        attack_cost_table(view),
        attack_table(view),
        cell_table(view),
    ]
    return [table for table in tables if table.rows]


def success_table(view: GridView, access: str, target: str) -> Table:
    """Models and their defences down, attacks across: the share fooled; bold what fooled most."""
    notes = (
        "Percent of the samples fooled, of those that the model behind that defence classifies correctly; bold: the "
        "attack that fooled most. Worst case: fooled by any of them.",
    )
    return _matrix(view, "success", access, target, "share", lambda cell: cell.fooled.value, notes, bold=True)


def distance_table(view: GridView, access: str, target: str) -> Table:
    """Models and their defences down, attacks across: the mean L2 of what fooled."""
    notes = ("Mean L2 distance of the images that fooled, over all channel values in grey levels (0–255).",)
    return _matrix(view, "l2", access, target, "decimal", lambda cell: cell.mean_l2, notes)


def clever_table(view: GridView) -> Table:
    """Models and the attacks that found distances down; means, and the correlation over samples."""
    columns = (
        Column("Model"),
        Column("Distances of", key="attack"),
        Column("scored", "ratio", "CLEVER"),
        Column("mean", "decimal", "CLEVER"),
        Column("fooled", "ratio", "Distance found", "fooled"),
        Column("mean", "decimal", "Distance found"),
        Column("ρ", "decimal", "Rank correlation", "rho"),
        Column("95 %", "text", "Rank correlation", "interval"),
        Column("p", "decimal", "Rank correlation"),
    )
    norm = NORMS[view.clever[0].norm] if view.clever else ""
    notes = (
        f"Both in grey levels (0–255) of {norm}, for the bare model. Found: the smallest distance of each sample that "
        "was fooled; attacks with a budget count for any attack alone, since they seek no nearest image.",
    )
    rows = tuple(_clever_cells(view, row) for row in view.clever)
    return Table("grid-clever", f"CLEVER beside the distances found, {norm}", columns, rows, notes)


def _clever_cells(view: GridView, row: CleverRow) -> tuple[Cell, ...]:
    name = view.short.get(row.attack, row.attack)
    found = row.correlation
    interval = None if found is None or found.low is None else between(found.low, found.high)
    p_value = None if found is None else found.p_value
    return row.model, name, row.scored, row.mean_score, row.found, row.mean_distance, row.rho, interval, p_value


def cost_table(view: GridView) -> Table:
    """What each defence costs where nobody attacks."""
    columns = (
        Column("Model"),
        Column("Defence"),
        *rate_columns("Clean accuracy", "right", "clean_accuracy"),
        Column("ms an image", "decimal", key="milliseconds"),
    )
    rows = tuple((c.model, c.defence or BARE, *rate_cells(c.clean), c.milliseconds) for c in view.costs)
    notes = ("Milliseconds are those of the defence alone, on this machine.",)
    return Table("grid-defences", "What defences cost", columns, rows, notes)


def attack_cost_table(view: GridView) -> Table:
    """Mean cost of an image by attack and access, over all models, defences and targets."""
    columns = (
        Column("Attack"),
        Column("Access"),
        Column("queries", "integer", "Mean of an image", "queries"),
        Column("gradient steps", "integer", "Mean of an image", "gradient_steps"),
        Column("seconds", "decimal", "Mean of an image", "seconds"),
    )
    groups: dict[tuple[str, str], list[GridCell]] = {}
    for cell in view.cells:
        if cell.place.attack != WORST and cell.place.access != "replayed":
            groups.setdefault((cell.place.attack, cell.place.access if cell.place.defence else BARE), []).append(cell)
    rows = tuple(
        (
            view.short[attack],
            "bare model" if access == BARE else ACCESS_TITLES[access],
            _mean(cell.mean_queries for cell in found),
            _mean(cell.mean_gradient_steps for cell in found),
            _mean(cell.seconds for cell in found),
        )
        for (attack, access), found in groups.items()
    )
    return Table("grid-attack-costs", "What attacks cost", columns, rows, ("A replay costs one query more.",))


def attack_table(view: GridView) -> Table:
    """The attacks with all their parameters."""
    columns = (Column("Name here", key="name"), Column("Attack with its parameters", key="spec"))
    rows = tuple((view.short[attack], attack) for attack in view.attacks if attack != WORST)
    return Table("grid-attacks", "The attacks", columns, rows)


def cell_table(view: GridView) -> Table:
    """Every cell with its interval, its distances and its costs."""
    columns = (
        Column("Model"),
        Column("Defence"),
        Column("Access"),
        Column("Target"),
        Column("Attack"),
        *rate_columns("Attack success rate", "fooled", "attack_success_rate"),
        Column("L2", "decimal", "Mean change where fooled", "mean_l2"),
        Column("L∞", "decimal", "Mean change where fooled", "mean_linf"),
        Column("queries", "integer", "Mean of an image", "mean_queries"),
        Column("gradient steps", "integer", "Mean of an image", "mean_gradient_steps"),
        Column("seconds", "decimal", "Mean of an image", "seconds"),
    )
    return Table("grid-cells", "Every cell", columns, tuple(_cell_row(view, cell) for cell in view.cells))


def _cell_row(view: GridView, cell: GridCell) -> tuple[Cell, ...]:
    place = cell.place
    access = ACCESS_TITLES[place.access] if place.defence else "bare model"
    where = place.model, place.defence or BARE, access, TARGET_TITLES.get(place.target, f"class {place.target}")
    costs = cell.mean_queries, cell.mean_gradient_steps, cell.seconds
    change = cell.mean_l2, cell.mean_linf
    return *where, view.short[place.attack], *rate_cells(cell.fooled), *change, *costs


def _matrix(
    view: GridView,
    name: str,
    access: str,
    target: str,
    kind: Kind,
    of: Callable[[GridCell], float | None],
    notes: tuple[str, ...],
    bold: bool = False,
) -> Table:
    found = {(c.place.model, c.place.defence, c.place.attack): c for c in view.at(access, target)}
    clean = {(cost.model, cost.defence): cost.clean for cost in view.costs}
    attacks = [attack for attack in view.attacks if any(key[2] == attack for key in found)]
    rows: list[tuple[Cell, ...]] = []
    models = list(dict.fromkeys(key[0] for key in found))
    lines = sorted(dict.fromkeys((key[0], key[1]) for key in found), key=lambda line: models.index(line[0]))
    for model, defence in lines:
        cells = [found.get((model, defence, attack)) for attack in attacks]
        values = [None if cell is None else of(cell) for cell in cells]
        single = [v for v, attack in zip(values, attacks, strict=True) if v is not None and attack != WORST]
        most = max(single, default=0.0)
        shown: list[Cell] = [
            Bold(value) if bold and value is not None and value == most > 0 and attack != WORST else value
            for value, attack in zip(values, attacks, strict=True)
        ]
        accuracy = clean[model, defence].value if (model, defence) in clean else None
        samples = max((cell.fooled.total for cell in cells if cell is not None), default=0)
        rows.append((model, defence or BARE, accuracy, samples, *shown))
    columns = (
        Column("Model"),
        Column("Defence"),
        Column("Clean", "share", key="clean_accuracy"),
        Column("Samples", "integer"),
        *(Column(view.short[attack], kind, key=view.short[attack]) for attack in attacks),
    )
    what = "Mean L2 where fooled" if name == "l2" else "Fooled"
    title = f"{what}: {TARGET_TITLES.get(target, f'class {target}')}, {ACCESS_TITLES[access]}"
    return Table(f"grid-{name}-{access}-{target}", title, columns, tuple(rows), notes)


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
