"""pixelproof audit: is a claim of robustness sound?"""

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
    Range,
    TrustCode,
    Workers,
    integer,
    limits,
    parse_options,
    parts,
)


def audit(
    model: Model,
    data: Data,
    claim: Annotated[Path, typer.Option(help="What is claimed: a TOML file of threat model, accuracies, evaluation.")],
    out: Annotated[Path, typer.Option(help="Folder for the measurements and the report.")],
    bare: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="The network without its defence, attacked and judged by the whole.",
            show_default=False,
        ),
    ] = None,
    defence: Defence = None,
    preset: Annotated[
        str,
        typer.Option(
            help="quick (minutes) or standard (hours).",
            autocompletion=one_of("quick", "standard"),
        ),
    ] = "quick",
    only: Annotated[
        str, typer.Option(metavar="NUMBERS", help="These checkpoints, separated by commas.", show_default="all")
    ] = "",
    samples: Annotated[int | None, typer.Option(help="Images to attack.", show_default="as the preset")] = None,
    iterations: Annotated[
        int | None,
        typer.Option(help="Most iterations of an attack, up to a million and more.", show_default="as the preset"),
    ] = None,
    stored: Annotated[
        list[Path] | None,
        typer.Option(metavar="RUN", help="A run whose adversarial images are shown to this model; may be repeated."),
    ] = None,
    range_: Range = None,
    seed: Annotated[int, typer.Option(help="Seed of the samples and of all random numbers.")] = 0,
    device: Device = "auto",
    workers: Workers = None,
    backend: BackendName = None,
    address: Address = None,
    trust_code: TrustCode = False,
    quiet: Quiet = False,
    as_json: Json = False,
    open_: Open = False,
) -> None:
    """Test a claim of robustness at twenty checkpoints and write a review; started again, it goes on."""
    from pixelproof.cli.documents import at_work, run_and_show
    from pixelproof.jobs.audit.spec import AuditSpec
    from pixelproof.jobs.open import open_job

    spec = parse_options(
        AuditSpec,
        locals(),
        claim=str(claim),
        only=tuple(integer("--only", text) for text in parts(only)),
        stored=tuple(map(str, stored or ())),
        range=limits(range_),
    )
    with at_work(workers, backend, address) as work:
        run_and_show(open_job(spec), out, backend=work, as_json=as_json, open_page=open_)
