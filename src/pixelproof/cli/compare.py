"""pixelproof compare: finished runs side by side."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from pixelproof.cli.options import Open, Quiet


def compare(
    runs: Annotated[
        list[str], typer.Argument(metavar="RUN...", help="Folders of runs; NAME=FOLDER gives a network another name.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for the report, the tables and the figures.")],
    force: Annotated[
        bool, typer.Option("--force", help="Compare what differs in more than the network, and mark it.")
    ] = False,
    quiet: Quiet = False,
    open_: Open = False,
) -> None:
    """Set finished runs over the same data side by side, in the tables and figures of a study."""
    from pixelproof.cli.console import console
    from pixelproof.cli.documents import open_in_browser, tell
    from pixelproof.errors import RunError
    from pixelproof.plans.compare import compare as side_by_side
    from pixelproof.report.study import study_summary, write_study
    from pixelproof.runs.database import FILE

    if (out / FILE).exists():
        raise RunError(f"{out} holds a run, whose report would be lost; choose another --out.")
    view = side_by_side(runs, force=force)
    page = write_study(view, out)
    for difference in view.differences:
        console.print(f"[yellow]forced[/]: {escape(str(difference))}.", soft_wrap=True)
    tell((), study_summary(view), page)
    if open_:
        open_in_browser(page)
