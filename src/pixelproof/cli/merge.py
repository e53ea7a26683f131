"""pixelproof merge: runs of parts of a job as one run."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from pixelproof.cli.options import Json, MovedData, MovedModel, Open, Quiet, TrustCode
from pixelproof.wording import plural


def merge(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="The folders of the parts.")],
    out: Annotated[Path, typer.Option(help="Folder for the whole run.")],
    model: MovedModel = None,
    data: MovedData = None,
    trust_code: TrustCode = False,
    quiet: Quiet = False,
    as_json: Json = False,
    open_: Open = False,
) -> None:
    """Merge assessments of parts of the data into the run that one assessment of all would have been."""
    from contextlib import ExitStack

    from pixelproof.cli.console import console
    from pixelproof.cli.documents import show
    from pixelproof.jobs.merge import merge as merged
    from pixelproof.runs import RunStore, reading

    with ExitStack() as stack:
        parts = [stack.enter_context(RunStore.open(run)) for run in runs]
        with console.status("merging"), reading("one of the parts"):
            found = merged(parts, out, trust_code, model, data)
    with RunStore.open(out) as run:
        show(run, as_json=as_json, open_page=open_)
    if found.left:
        console.print(
            f"[yellow]not finished[/]: {plural(found.left, 'step')} of {found.taken + found.left} are in no part as "
            f"one run does them; go on with pixelproof resume {escape(str(out))}.",
            soft_wrap=True,
        )
