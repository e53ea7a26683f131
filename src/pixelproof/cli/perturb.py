"""pixelproof perturb: robustness to what happens by itself."""

from pathlib import Path
from typing import Annotated

import typer

from pixelproof.cli.completion import CORRUPTIONS, one_of
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
    Shuffle,
    TrustCode,
    Workers,
    limits,
    number,
    parse_options,
    parts,
)


def perturb(
    model: Model,
    data: Data,
    out: Annotated[Path, typer.Option(help="Folder for the measurements and the report.")],
    suite: Annotated[
        str,
        typer.Option(
            help="thesis (five), imagenet-c or cifar-c (nineteen at five severities), or all.",
            autocompletion=one_of("thesis", "imagenet-c", "cifar-c", "all"),
        ),
    ] = "all",
    only: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            help="These of the suite, separated by commas.",
            show_default="all",
            autocompletion=one_of(*CORRUPTIONS, kind="corruptions", between=","),
        ),
    ] = "",
    severities: Annotated[str, typer.Option(help="Severities of the corruptions, from 1 to 5.")] = "1,2,3,4,5",
    rounding: Annotated[
        str,
        typer.Option(
            help="To whole grey levels: reference (as published: cut off), or nearest.",
            autocompletion=one_of("reference", "nearest"),
        ),
    ] = "reference",
    samples: Annotated[
        int | None, typer.Option(help="The first so many images.", show_default="1000, or all there are")
    ] = None,
    per_class: Annotated[int | None, typer.Option(help="So many images of every class instead.")] = None,
    minimal: Annotated[
        int | None,
        typer.Option(metavar="STEPS", help="Seek each sample's least strength too, in so many even steps."),
    ] = None,
    worst_case: Annotated[
        int | None,
        typer.Option(metavar="K", help="Take the worst of K random turns, shifts and lights of each sample too."),
    ] = None,
    gate: Annotated[
        float | None, typer.Option(help="Refuse a model below this clean accuracy, in percent.", show_default="none")
    ] = None,
    defence: Defence = None,
    range_: Range = None,
    shuffle: Shuffle = None,
    seed: Annotated[int, typer.Option(help="Seed of the random perturbations.")] = 0,
    device: Device = "auto",
    workers: Workers = None,
    backend: BackendName = None,
    address: Address = None,
    trust_code: TrustCode = False,
    quiet: Quiet = False,
    as_json: Json = False,
    open_: Open = False,
) -> None:
    """Measure a classifier under common perturbations: rotation, light, noise, blur, weather, compression."""
    from pixelproof.cli.documents import at_work, run_and_show
    from pixelproof.jobs.open import open_job
    from pixelproof.jobs.perturb.spec import PerturbSpec

    spec = parse_options(
        PerturbSpec,
        locals(),
        only=tuple(parts(only)),
        severities=tuple(number("--severities", text) for text in parts(severities)),
        range=limits(range_),
    )
    with at_work(workers, backend, address) as work:
        run_and_show(open_job(spec), out, backend=work, as_json=as_json, open_page=open_)
