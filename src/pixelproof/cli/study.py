"""pixelproof study: every network of a study, every table and figure."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape


def study(
    spec: Annotated[Path, typer.Argument(help="The study: a TOML file of networks and defences.")],
    out: Annotated[Path, typer.Option(help="Folder for the runs, the report, the tables and the figures.")],
    data: Annotated[str | None, typer.Option(help="Other data than the study names.")] = None,
    trust_code: Annotated[
        bool, typer.Option("--trust-code", help="Load models from files that can run code: .py, .pt2, TorchScript.")
    ] = False,
) -> None:
    """Assess every network and defence of a study four ways and write one report; started again, it goes on."""
    from pixelproof.cli.console import console
    from pixelproof.cli.place import without_place
    from pixelproof.cli.progress import run_progress
    from pixelproof.plans.study.conduct import conduct
    from pixelproof.plans.study.scoreboard import FILE, write_scoreboard
    from pixelproof.plans.study.spec import read_study
    from pixelproof.report.study import study_summary, write_study

    words, trust = ["pixelproof", "study", str(spec), "--out", str(out)], ["--trust-code"] if trust_code else []
    command = shlex.join([*words, *(["--data", data] if data else []), *trust])
    try:
        view = conduct(
            read_study(spec, data),
            out,
            trust_code=trust_code,
            progress=run_progress,
            say=lambda text: console.print(f"[yellow]missing[/]: {escape(text)}", soft_wrap=True),
        )
        page = write_study(view, out)
        anywhere = [*words[:-1], out.name, *(["--data", without_place(data)] if data else []), *trust]
        write_scoreboard(view, out / FILE, shlex.join(anywhere))
    except KeyboardInterrupt:
        console.print(
            f"Interrupted; nothing finished is lost. Continue with: [bold]{escape(command)}[/]", soft_wrap=True
        )
        raise
    for sentence in study_summary(view):
        console.print(escape(sentence), soft_wrap=True)
    console.print(f"report: [bold]{escape(str(page))}[/]", soft_wrap=True)
