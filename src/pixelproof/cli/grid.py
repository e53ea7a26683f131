"""pixelproof grid: attacks × defences × targets × models."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape


def grid(
    spec: Annotated[Path, typer.Argument(help="The grid: a TOML file of models, defences, attacks and targets.")],
    out: Annotated[Path, typer.Option(help="Folder for the runs, the report, the tables and the figures.")],
    data: Annotated[str | None, typer.Option(help="Other data than the grid names.")] = None,
    trust_code: Annotated[
        bool, typer.Option("--trust-code", help="Load models from files that can run code: .py, .pt2, TorchScript.")
    ] = False,
) -> None:
    """Try every attack with every aim on every model behind every defence; started again, it goes on."""
    from pixelproof.cli.console import console
    from pixelproof.cli.place import without_place
    from pixelproof.cli.progress import run_progress
    from pixelproof.cli.share import share_progress
    from pixelproof.plans.grid.conduct import conduct
    from pixelproof.plans.grid.scoreboard import FILE, write_scoreboard
    from pixelproof.plans.grid.spec import read_grid
    from pixelproof.report.grid import grid_summary, write_grid

    words, trust = ["pixelproof", "grid", str(spec), "--out", str(out)], ["--trust-code"] if trust_code else []
    command = shlex.join([*words, *(["--data", data] if data else []), *trust])
    try:
        view = conduct(
            read_grid(spec, data),
            out,
            trust_code=trust_code,
            progress=run_progress,
            clever_progress=share_progress,
            say=lambda text: console.print(f"[yellow]note[/]: {escape(text)}", soft_wrap=True),
        )
        page = write_grid(view, out)
        anywhere = shlex.join([*words[:-1], out.name, *(["--data", without_place(data)] if data else []), *trust])
        write_scoreboard(view, out / FILE, anywhere)
    except KeyboardInterrupt:
        console.print(
            f"Interrupted; nothing finished is lost. Continue with: [bold]{escape(command)}[/]", soft_wrap=True
        )
        raise
    for sentence in grid_summary(view):
        console.print(escape(sentence), soft_wrap=True)
    console.print(f"report: [bold]{escape(str(page))}[/]", soft_wrap=True)
