"""pixelproof compare: finished runs side by side."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from pixelproof.cli.options import Json, Open, Quiet


def compare(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="OLD NEW...",
            help="Folders of runs; NAME=FOLDER gives a network another name, and names may repeat.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the report, the tables and the figures.")],
    force: Annotated[bool, typer.Option("--force", help="Compare what was measured otherwise, and mark it.")] = False,
    quiet: Quiet = False,
    as_json: Json = False,
    open_: Open = False,
) -> None:
    """Say what changed from an old run to a new one, image by image, and set networks side by side."""
    import shlex

    import torch

    from pixelproof.cli.console import console
    from pixelproof.cli.documents import end_plan, tell
    from pixelproof.errors import RunError
    from pixelproof.plans.compare import compare as side_by_side
    from pixelproof.report.compare import compared_summary, pair_tables, write_compared
    from pixelproof.report.terminal import narrowed
    from pixelproof.results.scoreboard import write_scoreboard
    from pixelproof.runs import reading
    from pixelproof.runs.database import FILE
    from pixelproof.runs.environment import environment

    if (out / FILE).exists():
        raise RunError(f"{out} holds a run, whose report would be lost; choose another --out.")
    with reading("one of the runs"):
        view = side_by_side(runs, force=force)
        page = write_compared(view, out)
    words = ["pixelproof", "compare", *runs, "--out", out.name, *(["--force"] if force else [])]
    write_scoreboard(out, view.rows(), environment(torch.device("cpu")), shlex.join(words))
    for difference in view.forced:
        console.print(f"[yellow]forced[/]: {escape(difference)}.", soft_wrap=True)
    kept = ("measure", "old", "new", "worse", "better", "p_corrected")
    tables = [narrowed(pair_tables(each, view.pairs)[0], *kept) for each in view.pairs if each.changes]
    tell(tables, compared_summary(view), page)
    end_plan(page, as_json=as_json, open_page=open_)
