"""pixelproof report: write the report of a run again."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from pixelproof.cli.options import Run


class FigureFormat(StrEnum):
    """Formats for figures on their own."""

    svg = "svg"
    pdf = "pdf"
    png = "png"


def report(
    run: Run,
    figures: Annotated[list[FigureFormat] | None, typer.Option(help="Also write the figures in this format.")] = None,
) -> None:
    """Print what a run says and write its report, tables and, where asked, figures."""
    from pixelproof.cli.documents import figures_of, show
    from pixelproof.files import write_whole
    from pixelproof.runs import RunStore

    with RunStore.open(run) as store:
        for figure in figures_of(store) if figures else ():
            for each in figures or ():
                write_whole(run / "figures" / f"{figure.name}.{each.value}", getattr(figure, each.value)())
        show(store)
