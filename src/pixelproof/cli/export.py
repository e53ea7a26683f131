"""pixelproof export: a run's records and images for other tools."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape


class ExportFormat(StrEnum):
    """What a run can be exported to."""

    csv = "csv"
    parquet = "parquet"
    png = "png"


def export(
    run: Annotated[Path, typer.Argument(help="The folder of the run.")],
    to: Annotated[
        ExportFormat, typer.Option(help="Records as csv or parquet, or all images as png files.")
    ] = ExportFormat.csv,
    out: Annotated[
        Path | None,
        typer.Option(help="File (folder for png) to write.", show_default="inside the run's folder"),
    ] = None,
) -> None:
    """Write the records of a run as CSV or Parquet, with certificates.csv beside them, or its images as PNG files."""
    from pixelproof.cli.console import console
    from pixelproof.runs import RunStore
    from pixelproof.runs.export import certificates_to_csv, to_csv, to_parquet, to_png

    with RunStore.open(run) as store:
        if to is ExportFormat.png:
            path = out or run / "images"
            console.print(f"{to_png(store, path)} images: {escape(str(path))}", soft_wrap=True)
        else:
            path = out or run / f"records.{to.value}"
            written = (to_csv if to is ExportFormat.csv else to_parquet)(store, path)
            console.print(f"records: {escape(str(written))}", soft_wrap=True)
            proofs = certificates_to_csv(store, path.with_name("certificates.csv"))
            if proofs is not None:
                console.print(f"certificates: {escape(str(proofs))}", soft_wrap=True)
