"""pixelproof verify: check a run's claims with none of the attack code."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from pixelproof.errors import DataError, VerificationError


def verify(
    run: Annotated[Path, typer.Argument(help="The folder of the run.")],
    model: Annotated[str | None, typer.Option(help="Where the run's model is now, if it has moved.")] = None,
    data: Annotated[str | None, typer.Option(help="Where the run's data is now, if it has moved.")] = None,
    trust_code: Annotated[
        bool, typer.Option("--trust-code", help="Load a model from a file that can run code: .py, .pt2, TorchScript.")
    ] = False,
) -> None:
    """Compute every claim of a run again from its stored images and the model."""
    from pixelproof.cli.console import console
    from pixelproof.cli.open import open_data, open_model, spec_of
    from pixelproof.jobs.assess import choose_device
    from pixelproof.models import settle_kind
    from pixelproof.models.query import predictor
    from pixelproof.runs import RunStore
    from pixelproof.runs.verify import verify as check

    with RunStore.open(run) as store:
        spec = spec_of(store, trust_code, model, data)
        if spec.device == "cuda":  # claims made on a GPU are checked wherever the verifier sits
            spec = spec.model_copy(update={"device": "auto"})
        classifier = open_model(spec)
        settle_kind(classifier, store.manifest.model.kind)
        try:
            images = open_data(spec)
        except DataError:
            if data is not None:
                raise
            images = None
        outcome = check(store, predictor(classifier, choose_device(spec.device)), classifier.fingerprint, images)
    for text in outcome.unchecked:
        console.print(f"[yellow]not checked[/]: {text}", soft_wrap=True)
    for text in outcome.problems:
        console.print(f"[red]does not hold[/]: {escape(text)}", soft_wrap=True)
    if not outcome.holds:
        raise VerificationError(f"{len(outcome.problems)} claims of {run} do not hold.")
    console.print(
        f"[green]verified[/]: {outcome.records} records and {outcome.images} adversarial images of "
        f"{escape(str(run))} hold.",
        soft_wrap=True,
    )
