"""pixelproof clever: robustness estimated from gradients, without an attack."""

from pathlib import Path
from typing import Annotated

import typer

from pixelproof.cli.completion import one_of
from pixelproof.cli.options import (
    Address,
    BackendName,
    Data,
    Defence,
    Device,
    Json,
    Model,
    Open,
    Quiet,
    TrustCode,
    Workers,
    parse_options,
)


def clever(
    model: Model,
    data: Data,
    samples: Annotated[
        int | None,
        typer.Option(help="Correctly classified samples to score.", show_default="10, or all there are"),
    ] = None,
    norm: Annotated[
        str,
        typer.Option(
            help="l1, l2 or linf.",
            autocompletion=one_of("l1", "l2", "linf"),
        ),
    ] = "l2",
    radius: Annotated[
        float | None,
        typer.Option(
            help="Look this far around an image, in grey levels (1/255) of the norm; no score exceeds it.",
            show_default="10200 of l1, 510 of l2, 25.5 of linf",
        ),
    ] = None,
    batches: Annotated[int, typer.Option(help="Batches of random points, each with its largest gradient.")] = 50,
    batch_samples: Annotated[int, typer.Option(help="Random points a batch.")] = 100,
    target: Annotated[
        str,
        typer.Option(
            help="none (the nearest class), least-likely, next, or a class number.",
            autocompletion=one_of("none", "least-likely", "next"),
        ),
    ] = ("none"),
    defence: Defence = None,
    run: Annotated[
        Path | None,
        typer.Option("--with", metavar="RUN", help="Score this run's samples; correlate with its smallest distances."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the random points.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Folder for the run and the scores as JSON.")] = None,
    device: Device = "auto",
    workers: Workers = None,
    backend: BackendName = None,
    address: Address = None,
    trust_code: TrustCode = False,
    quiet: Quiet = False,
    as_json: Json = False,
    open_: Open = False,
) -> None:
    """Estimate from gradients how far each image is from the nearest of another class: its CLEVER score."""
    from pixelproof.cli.documents import at_work, run_and_show
    from pixelproof.jobs.clever.job import CleverSpec
    from pixelproof.jobs.open import open_job

    spec = parse_options(CleverSpec, locals(), run=None if run is None else str(run))
    with at_work(workers, backend, address) as work:
        run_and_show(open_job(spec), out, backend=work, as_json=as_json, open_page=open_)
