"""pixelproof report: write the report of a run again."""

from enum import StrEnum
from typing import Annotated

import typer

from pixelproof.cli.options import Json, Open, Quiet, Run


class FigureFormat(StrEnum):
    """Formats for figures on their own."""

    svg = "svg"
    pdf = "pdf"
    png = "png"


def report(
    run: Run,
    figures: Annotated[list[FigureFormat] | None, typer.Option(help="Also write the figures in this format.")] = None,
    quiet: Quiet = False,
    as_json: Json = False,
    open_: Open = False,
) -> None:
    """Print what a run says and write its report, tables and, where asked, figures."""
    from pixelproof.cli.documents import figures_of, show
    from pixelproof.files import folder_in
    from pixelproof.report.figure import write_drawings
    from pixelproof.runs import RunStore

    with RunStore.open(run) as store:
        if figures:
            with store.reading():
                drawn = figures_of(store)
            write_drawings(drawn, folder_in(run, "figures"), [each.value for each in figures])
        show(store, as_json=as_json, open_page=open_, results=False)
