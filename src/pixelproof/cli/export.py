"""pixelproof export: a run's records and images for other tools, and its results for trackers of experiments."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from pixelproof.errors import InputError

if TYPE_CHECKING:
    from pixelproof.runs import RunStore


class ExportFormat(StrEnum):
    """What a run can be exported to."""

    csv = "csv"
    parquet = "parquet"
    png = "png"
    mlflow = "mlflow"
    tensorboard = "tensorboard"
    hf_eval = "hf-eval"


def export(
    run: Annotated[Path, typer.Argument(help="The folder of the run.")],
    to: Annotated[
        ExportFormat,
        typer.Option(
            help="Records as csv or parquet, all images as png files; results to mlflow, as tensorboard events, or as "
            "hf-eval, a file for .eval_results on the Hugging Face Hub."
        ),
    ] = ExportFormat.csv,
    out: Annotated[
        Path | None,
        typer.Option(help="File (folder for png and tensorboard) to write.", show_default="inside the run's folder"),
    ] = None,
    uri: Annotated[
        str | None,
        typer.Option(metavar="URI", help="Of mlflow: the tracking server.", show_default="MLFLOW_TRACKING_URI"),
    ] = None,
    dataset: Annotated[
        str | None, typer.Option(metavar="OWNER/NAME", help="Of hf-eval: the benchmark's id on the Hub.")
    ] = None,
) -> None:
    """Write a run's records as CSV or Parquet, with certificates.csv beside them, its images, or its results for a
    tracker.
    """
    from pixelproof.cli.console import console
    from pixelproof.files import folder_in
    from pixelproof.runs import RunStore
    from pixelproof.runs.export import certificates_to_csv, to_csv, to_parquet, to_png

    with RunStore.open(run) as store, store.reading():
        if to in (ExportFormat.mlflow, ExportFormat.tensorboard, ExportFormat.hf_eval):
            console.print(escape(_track(store, to, run, out, uri, dataset)), soft_wrap=True)
        elif to is ExportFormat.png:
            path = out or folder_in(run, "images")
            console.print(f"{to_png(store, path)} images: {escape(str(path))}", soft_wrap=True)
        else:
            path = out or run / f"records.{to.value}"
            written = (to_csv if to is ExportFormat.csv else to_parquet)(store, path)
            console.print(f"records: {escape(str(written))}", soft_wrap=True)
            proofs = certificates_to_csv(store, path.with_name("certificates.csv"))
            if proofs is not None:
                console.print(f"certificates: {escape(str(proofs))}", soft_wrap=True)


def _track(
    store: "RunStore", to: ExportFormat, run: Path, out: Path | None, uri: str | None, dataset: str | None
) -> str:
    """Tell the tracker ``to`` of ``store``; where that is now, in a line."""
    import os

    from pixelproof.report.tracking import to_eval_results, to_mlflow, to_tensorboard

    if to is ExportFormat.mlflow:
        place = uri or os.environ.get("MLFLOW_TRACKING_URI")
        if not place:
            raise InputError("--to mlflow: say where with --uri, as http://localhost:5000, or MLFLOW_TRACKING_URI.")
        return f"MLflow run: {to_mlflow(store, place)}"
    if to is ExportFormat.tensorboard:
        return f"events: {to_tensorboard(store, out or run / 'tensorboard')}"
    if dataset is None:
        raise InputError("--to hf-eval: say of which dataset with --dataset OWNER/NAME.")
    return f"evaluation results: {to_eval_results(store, out or run / '.eval_results' / 'pixelproof.yaml', dataset)}"
