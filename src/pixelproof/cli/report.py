"""pixelproof report: write the report of a run again."""

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
    run: Annotated[Path, typer.Argument(help="The folder of the run.")],
    figures: Annotated[list[FigureFormat] | None, typer.Option(help="Also write the figures in this format.")] = None,
) -> None:
    """Print the level table of a run and write its report, tables and, where asked, figures."""
    from pixelproof.cli.finish import show
    from pixelproof.report import write_figures
    from pixelproof.runs import RunStore

    with RunStore.open(run) as store:
        show(store)
        if figures:
            write_figures(store, run / "figures", formats=tuple(f.value for f in figures))
