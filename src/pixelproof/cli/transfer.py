"""pixelproof transfer: a lower bound in seconds, from images that other runs have found."""

from pathlib import Path
from typing import Annotated

import typer

from pixelproof.cli.options import (
    Address,
    BackendName,
    Defence,
    Device,
    Json,
    Model,
    Quiet,
    TrustCode,
    Workers,
    parse_options,
)


def transfer(
    source: Annotated[list[Path], typer.Option("--from", metavar="RUN", help="Take the images of this run; repeat.")],
    model: Model,
    defence: Defence = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the run and its table.")] = None,
    device: Device = "auto",
    workers: Workers = None,
    backend: BackendName = None,
    address: Address = None,
    trust_code: TrustCode = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Show the adversarial images of finished runs to another model: a lower bound on what a search would fool."""
    from pixelproof.cli.documents import at_work, run_and_show
    from pixelproof.jobs.open import open_job
    from pixelproof.jobs.transfer import TransferSpec

    spec = parse_options(TransferSpec, locals(), sources=tuple(map(str, source)))
    with at_work(workers, backend, address) as work:
        run_and_show(open_job(spec), out, backend=work, as_json=as_json)
