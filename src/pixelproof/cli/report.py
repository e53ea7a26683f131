"""pixelproof report: write the report of a run, or of an audit, again."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class FigureFormat(StrEnum):
    """Formats for figures on their own."""

    svg = "svg"
    pdf = "pdf"
    png = "png"


def report(
    run: Annotated[Path, typer.Argument(help="The folder of the run or audit.")],
    figures: Annotated[list[FigureFormat] | None, typer.Option(help="Also write the figures in this format.")] = None,
) -> None:
    """Print the level table of a run and write its report, tables and, where asked, figures; or those of an audit."""
    from pixelproof.cli.finish import show
    from pixelproof.jobs.audit import JOURNAL
    from pixelproof.report import write_figures
    from pixelproof.runs import RunStore

    if (run / JOURNAL).exists():
        _of_audit(run, figures or [])
        return
    with RunStore.open(run) as store:
        show(store)
        if figures:
            write_figures(store, run / "figures", formats=tuple(f.value for f in figures))


def _of_audit(folder: Path, figures: list[FigureFormat]) -> None:
    from pixelproof.cli.audit import tell
    from pixelproof.files import write_whole
    from pixelproof.report.audit import write_audit
    from pixelproof.report.audit_figures import audit_figures
    from pixelproof.results.audit_view import read_audit

    view = read_audit(folder)
    write_audit(view, folder)
    for figure in audit_figures(view) if figures else ():
        for each in figures:
            write_whole(folder / "figures" / f"{figure.name}.{each.value}", getattr(figure, each.value)())
    tell(view, folder)
