"""pixelproof resume: continue a run that was interrupted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def resume(
    run: Annotated[Path, typer.Argument(help="The folder of the run.")],
    model: Annotated[str | None, typer.Option(help="Where the run's model is now, if it has moved.")] = None,
    trust_code: Annotated[
        bool, typer.Option("--trust-code", help="Load a model from a file that can run code: .py, .pt2, TorchScript.")
    ] = False,
) -> None:
    """Continue an interrupted run; it ends equal to one that was never interrupted."""
    from pixelproof.cli.console import console
    from pixelproof.cli.finish import run_and_finish, show
    from pixelproof.cli.open import open_model, spec_of
    from pixelproof.runs import RunStore

    with RunStore.open(run) as store:
        if store.manifest.status == "finished":
            console.print("The run is finished already.")
            show(store)
            return
        classifier = open_model(spec_of(store, trust_code, model))
        run_and_finish(store, classifier, classifier.name)
