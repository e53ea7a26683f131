"""pixelproof clever: robustness estimated from gradients, without an attack."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape


def clever(
    model: Annotated[
        str,
        typer.Option(help="zoo:NAME, FILE.py:FACTORY, PKG.MOD:FACTORY, or a FILE.pt2 / TorchScript file."),
    ],
    data: Annotated[str, typer.Option(help="bundled, cifar10:ROOT, idx:DIR, pentomino:N, npz:FILE or folder:DIR.")],
    samples: Annotated[
        int | None,
        typer.Option(help="Correctly classified samples to score.", show_default="10, or all there are"),
    ] = None,
    norm: Annotated[str, typer.Option(help="l1, l2 or linf.")] = "l2",
    radius: Annotated[
        float | None,
        typer.Option(
            help="Look this far around an image, in grey levels (1/255) of the norm; no score exceeds it.",
            show_default="10200 of l1, 510 of l2, 25.5 of linf",
        ),
    ] = None,
    batches: Annotated[int, typer.Option(help="Batches of random points, each with its largest gradient.")] = 50,
    batch_samples: Annotated[int, typer.Option(help="Random points a batch.")] = 100,
    target: Annotated[str, typer.Option(help="none (the nearest class), least-likely, next, or a class number.")] = (
        "none"
    ),
    defence: Annotated[
        str | None,
        typer.Option(help="What images go through before the model: tvm, squeeze, bits(5), median(2) …"),
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option("--with", metavar="RUN", help="Score this run's samples; correlate with its smallest distances."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the random points.")] = 0,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write everything found as JSON.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    trust_code: Annotated[
        bool, typer.Option("--trust-code", help="Load a model from a file that can run code: .py, .pt2, TorchScript.")
    ] = False,
) -> None:
    """Estimate from gradients how far each image is from the nearest of another class: its CLEVER score."""
    import json
    from contextlib import ExitStack

    from pixelproof.cli.console import console, show_findings
    from pixelproof.cli.open import open_data, open_model
    from pixelproof.cli.share import share_progress
    from pixelproof.errors import InputError
    from pixelproof.jobs.assess_spec import make_spec
    from pixelproof.jobs.clever.survey import survey
    from pixelproof.report.clever import score_table, sentences
    from pixelproof.report.terminal import terminal_table
    from pixelproof.runs import RunStore

    if out is not None and (out.is_dir() or not out.parent.is_dir()):
        raise InputError(f"--out: {out} cannot be written; name a file in a folder that exists.")
    spec = make_spec(
        model=model,
        data=data,
        samples=samples,
        target=target,
        defence=defence,
        seed=seed,
        device=device,
        trust_code=trust_code,
    )
    with ExitStack() as stack:
        store = None if run is None else stack.enter_context(RunStore.open(run))
        images, classifier = open_data(spec), open_model(spec)
        with share_progress(f"CLEVER of {classifier.name}") as progress:
            found = survey(
                spec,
                classifier,
                images,
                norm=norm,  # type: ignore[arg-type]  # checked there
                radius=radius,
                batches=batches,
                batch_samples=batch_samples,
                run=store,
                progress=progress,
            )
    show_findings(found.findings)
    console.print(terminal_table(score_table(found)))
    for sentence in sentences(found):
        console.print(escape(sentence))
    if out is not None:
        out.write_text(json.dumps(found.as_dict(), indent=1) + "\n", encoding="utf-8")
        console.print(f"scores: [bold]{escape(str(out))}[/]", soft_wrap=True)
