"""The page of a grid: one self-contained HTML file; its tables and figures as files beside it."""

from __future__ import annotations

from pathlib import Path

from markupsafe import Markup

from pixelproof.files import write_whole
from pixelproof.plans.grid.view import GridView
from pixelproof.report.attempt_tables import WAYS
from pixelproof.report.grid_figures import grid_figures
from pixelproof.report.grid_summary import grid_summary
from pixelproof.report.grid_tables import all_grid_tables
from pixelproof.report.page import drawn, style, template
from pixelproof.report.tables import write_forms
from pixelproof.wording import plural


def write_grid(view: GridView, folder: Path) -> Path:
    """Write ``report.html``, ``tables/`` and ``figures/`` (SVG) into ``folder``; returns the page's path."""
    tables, figures = all_grid_tables(view), grid_figures(view)
    write_forms(tables, folder / "tables")
    for figure in figures:
        write_whole(folder / "figures" / f"{figure.name}.svg", figure.svg())
    dates = sorted({date for run in view.runs if (date := run.manifest.environment.get("date"))})
    page = template("grid.html.j2").render(
        view=view,
        facts=[*dates[-1:], plural(len(view.runs), "run"), plural(len(view.cells), "cell")],
        summary=grid_summary(view),
        ways=[WAYS[way] for way in dict.fromkeys(way for way, _ in view.settings)],
        table=lambda start: Markup("").join(table.html() for table in tables if table.name.startswith(start)),
        drawn=drawn(figures),
        style=style(),
    )
    return write_whole(folder / "report.html", page)
