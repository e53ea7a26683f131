"""Our figures and the papers', a few lines a network; the long table with differences is in ``study_tables``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pixelproof.report.study_tables import SHORT_NORMS
from pixelproof.report.table import Cell, Column, Table
from pixelproof.results.study import NORMS, Beside, Role

_SEARCHES: dict[Role, str] = {"levels": "strongest searches", "cma-es": "CMA-ES", "de": "DE"}
_Figure = tuple[str, str | None, int | None]  # what is measured, attack, threshold


def published_lines_table(rows: Sequence[Beside]) -> Table:
    """For each of the papers' networks: ours by each search, each network of ours alone, and below them theirs."""
    figures = _figures(rows)
    columns = (Column("Network"), Column("Figures of"), *map(_column, figures))
    body: list[tuple[Cell, ...]] = []
    for name in dict.fromkeys(row.published_as for row in rows):
        group = [row for row in rows if row.published_as == name]
        for label in dict.fromkeys(row.label for row in group):
            own = _ours([row for row in group if row.label == label])
            body += [(label, whose, *map(found.get, figures)) for whose, found in own.items()]
        body += [(name, whose, *map(found.get, figures)) for whose, found in _theirs(group).items()]
    note = "Percent, and percent × th for the areas, reckoned as published; a dash where there is no such figure."
    return Table("study-published-lines", "Ours and the published figures", columns, tuple(body), (note,))


def _ours(rows: Sequence[Beside]) -> dict[str, dict[_Figure, float]]:
    """One network's figures by search; those that no search decides stand with the first."""
    roles: list[Role | None] = [role for role in _SEARCHES if any(row.role == role for row in rows)]
    return {
        "ours" if role is None else f"ours, {_SEARCHES[role]}": {
            _figure(row): row.ours for row in rows if row.role == role or (row.role is None and place == 0)
        }
        for place, role in enumerate(roles or [None])
    }


def _theirs(rows: Sequence[Beside]) -> dict[str, dict[_Figure, float]]:
    """The papers' figures; all but those by DE belong to their CMA-ES."""
    by_de = {_figure(row): row.theirs for row in rows if row.role == "de"}
    found = {"published, CMA-ES": {_figure(row): row.theirs for row in rows if row.role != "de"}}
    return {**found, "published, DE": by_de} if by_de else found


def _figures(rows: Iterable[Beside]) -> list[_Figure]:
    """Clean accuracy, levels by norm, areas: those that occur."""
    found = {_figure(row) for row in rows}
    order = {"clean accuracy": 0, "adversarial accuracy": 1, "area": 2}
    return sorted(found, key=lambda f: (order[f[0]], NORMS.index(f[1]) if f[1] else 0, f[2] or 0))


def _figure(row: Beside) -> _Figure:
    return row.measure, row.attack, row.threshold


def _column(figure: _Figure) -> Column:
    _, attack, threshold = figure
    if attack is None:
        return Column("Clean", "decimal", key="clean_accuracy")
    name = SHORT_NORMS[attack]
    if threshold is None:
        return Column(name, "decimal", "Area", f"area_{attack}")
    return Column(f"th {threshold}", "decimal", name, f"{attack}_{threshold}")
