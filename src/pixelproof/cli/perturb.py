"""pixelproof perturb: robustness to what happens by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def perturb(
    model: Annotated[
        str,
        typer.Option(help="zoo:NAME, FILE.py:FACTORY, PKG.MOD:FACTORY, or a FILE.pt2 / TorchScript file."),
    ],
    data: Annotated[str, typer.Option(help="bundled, cifar10:ROOT, idx:DIR, pentomino:N, npz:FILE or folder:DIR.")],
    out: Annotated[Path, typer.Option(help="Folder for the measurements and the report.")],
    suite: Annotated[
        str, typer.Option(help="thesis (five), imagenet-c or cifar-c (nineteen at five severities), or all.")
    ] = "all",
    only: Annotated[
        str, typer.Option(metavar="NAMES", help="These of the suite, separated by commas.", show_default="all")
    ] = "",
    severities: Annotated[str, typer.Option(help="Severities of the corruptions, from 1 to 5.")] = "1,2,3,4,5",
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
    defence: Annotated[
        str | None, typer.Option(help="What images go through before the model: tvm, jpeg(75), bits(5) …")
    ] = None,
    range_: Annotated[
        str | None, typer.Option("--range", metavar="START:STOP", help="Consider only these images, in file order.")
    ] = None,
    shuffle: Annotated[int | None, typer.Option(metavar="SEED", help="Take the images in another order.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the random perturbations.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    trust_code: Annotated[
        bool, typer.Option("--trust-code", help="Load a model from a file that can run code: .py, .pt2, TorchScript.")
    ] = False,
) -> None:
    """Measure a classifier under common perturbations: rotation, light, noise, blur, weather, compression."""
    from pixelproof.cli.console import show_findings
    from pixelproof.cli.open import open_model
    from pixelproof.cli.option_text import limits, number, parts
    from pixelproof.cli.perturbations import measure, tell
    from pixelproof.data import load_data
    from pixelproof.jobs.assess_spec import from_options
    from pixelproof.jobs.perturb.spec import PerturbSpec

    spec = from_options(
        PerturbSpec,
        {
            "model": model,
            "data": data,
            "suite": suite,
            "only": tuple(parts(only)),
            "severities": tuple(number("--severities", text) for text in parts(severities)),
            "samples": samples,
            "per_class": per_class,
            "minimal": minimal,
            "worst_case": worst_case,
            "gate": gate,
            "defence": defence,
            "range": limits(range_),
            "shuffle": shuffle,
            "seed": seed,
            "device": device,
            "trust_code": trust_code,
        },
    )
    view = measure(spec, open_model(spec), load_data(spec.data), out)
    show_findings(view.findings)
    tell(view, out)
