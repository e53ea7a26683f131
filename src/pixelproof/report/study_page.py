"""The page of a study: one self-contained HTML file; its tables and figures as files beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from markupsafe import Markup

from pixelproof.files import write_whole
from pixelproof.plans.study.view import StudyView
from pixelproof.report import study_figures, study_run_tables, study_tables
from pixelproof.report.figure import Figure
from pixelproof.report.html import Tile
from pixelproof.report.page import drawn, style, template
from pixelproof.report.study_pictures import exhibits, explanation
from pixelproof.report.study_published import published_lines_table
from pixelproof.report.study_summary import study_summary
from pixelproof.report.table import Table
from pixelproof.report.tables import write_forms
from pixelproof.results import study
from pixelproof.wording import percent, plural

_SHORT = 40  # rows of a table that is shown at first sight


def write_study(view: StudyView, folder: Path) -> Path:
    """Write ``report.html``, ``tables/`` and ``figures/`` (SVG) into ``folder``; returns the page's path."""
    tables, figures = study_page_tables(view), study_page_figures(view)
    write_forms(tables, folder / "tables")
    for figure in figures:
        write_whole(folder / "figures" / f"{figure.name}.svg", figure.svg())
    return write_whole(folder / "report.html", render_study(view, tables, figures))


def study_page_tables(view: StudyView) -> list[Table]:
    """Every table with a row in it, marked where the comparison was forced."""
    runs, shown = view.assessed, view.demonstration
    results = study_tables.all_study_tables(runs, view.transfers, view.fast, view.differences)
    more = (study_run_tables.l2_table(study.level_runs(runs)), published_lines_table(study.beside(runs)))
    own = [
        *(study_tables.marked(table, view.differences) for table in more),
        *([study_run_tables.false_table(shown), study_run_tables.answer_table(shown)] if shown else []),
        study_run_tables.run_table(view.runs),
        study_run_tables.setting_table(view.runs),
    ]
    return [*results, *(table for table in own if table.rows)]


def study_page_figures(view: StudyView) -> list[Figure]:
    """Every figure that there is something to draw for."""
    runs = view.assessed
    levels = study.level_runs(runs)
    return [
        *study_figures.duality_figures(study.dualities(levels)),
        *study_figures.transfer_figures(view.transfers),
        *study_figures.curve_figures(study.areas(runs)),
        *study_figures.class_map_figures(study.class_maps(levels)),
    ]


def render_study(view: StudyView, tables: Sequence[Table], figures: Sequence[Figure]) -> str:
    """The page as HTML; equal for equal runs and answers."""
    shown = view.demonstration
    return template("study.html.j2").render(
        view=view,
        facts=_facts(view),
        tiles=_tiles(view),
        summary=study_summary(view),
        table=_Named(tables),
        drawn=drawn(figures),
        exhibits=exhibits(shown) if shown else [],
        explanation=explanation(shown) if shown else [],
        sentences=_sentences(view),
        style=style(),
    )


@dataclass(frozen=True)
class _Named:
    """The tables by name, as the template asks for them."""

    tables: Sequence[Table]

    def __call__(self, name: str) -> Markup:
        """The table called ``name``; nothing where there is none."""
        return Markup("").join(table.html() for table in self.tables if table.name == name)

    def starting(self, start: str) -> Markup:
        """All whose name begins with ``start``."""
        return Markup("").join(table.html() for table in self.tables if table.name.startswith(start))

    def folded(self, name: str, most: int = _SHORT) -> Markup:
        """The table called ``name``, its rows folded away where there are more than ``most``; its notes are not."""
        found = Markup()
        for table in (table for table in self.tables if table.name == name):
            if len(table.rows) <= most:
                found += table.html()
                continue
            notes = Markup("").join(Markup('<p class="note">{}</p>').format(note) for note in table.notes)
            found += Markup("<details><summary>{}: {}</summary>{}</details>{}").format(
                table.title, plural(len(table.rows), "row"), replace(table, notes=()).html(), notes
            )
        return found


def _facts(view: StudyView) -> list[str]:
    dates = sorted({date for run in view.runs if (date := run.manifest.environment.get("date"))})
    records = sum(len(run.records) for run in view.assessed)
    when = [dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"] if dates else []
    return [*when, plural(len(view.runs), "run"), plural(records, "record")]


def _tiles(view: StudyView) -> list[Tile]:
    """The headline: what only one norm reveals."""
    rows = study.dualities(study.level_runs(view.assessed))
    networks = study.headline_networks(rows)
    return [
        Tile(percent(rate.value), f"only one norm reveals, th = {th}", f"{rate.ratio} samples of {networks}")
        for th, rate in study.one_norm_only(rows).items()
    ]


def _sentences(view: StudyView) -> dict[str, list[str]]:
    """What stands in place of a section's tables where there are none."""
    runs = view.assessed
    missing = {
        "defences": "" if any(run.defence for run in runs) else "No network here has a defence.",
        "wins": "" if study.duels(runs) else "No network has runs by both DE and CMA-ES.",
        "areas": "" if study.areas(runs) else "No run sought minimal thresholds.",
        "published": "" if study.beside(runs) else "The papers have no figures for these networks.",
        "transfer": view.no_transfer,
        "duality": "" if study.dualities(study.level_runs(runs)) else "No run tried both norms.",
    }
    return {section: [text] if text else [] for section, text in missing.items()}
