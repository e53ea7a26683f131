"""pixelproof thesis: five perturbations and PGD on several data sets, beside the published figures."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape


def thesis(
    spec: Annotated[Path, typer.Argument(help="The protocol: a TOML file of data sets and their networks.")],
    out: Annotated[Path, typer.Option(help="Folder for the measurements, the report and the tables.")],
    data: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=DATA", help="Where the data of a subject lie, as MNIST=idx:DIR; may be repeated."),
    ] = None,
    trust_code: Annotated[
        bool, typer.Option("--trust-code", help="Load models from files that can run code: .py, .pt2, TorchScript.")
    ] = False,
) -> None:
    """Perturb several data sets as a thesis did and set its table beside ours; started again, it goes on."""
    from pixelproof.cli.console import console
    from pixelproof.cli.place import without_place
    from pixelproof.cli.progress import run_progress
    from pixelproof.errors import InputError
    from pixelproof.plans.thesis.conduct import conduct_thesis
    from pixelproof.plans.thesis.scoreboard import FILE, write_scoreboard
    from pixelproof.plans.thesis.spec import read_thesis
    from pixelproof.report.terminal import narrowed, terminal_table
    from pixelproof.report.thesis import differences, perturbation_table, pgd_table, thesis_summary, write_thesis

    pairs = [each.partition("=") for each in data or ()]
    wrong = [name for name, sign, place in pairs if not (name and sign and place)]
    if wrong:
        raise InputError(f"--data: NAME=DATA was expected, as MNIST=idx:DIR, not {wrong[0]!r}.")
    try:
        view = conduct_thesis(
            read_thesis(spec, {name: place for name, _, place in pairs}),
            out,
            trust_code=trust_code,
            progress=run_progress,
            say=lambda text: console.print(f"[yellow]missing[/]: {escape(text)}", soft_wrap=True),
        )
        page = write_thesis(view, out)
        given = (f" --data {shlex.quote(f'{name}={without_place(place)}')}" for name, _, place in pairs)
        write_scoreboard(view, out / FILE, f"pixelproof thesis {spec} --out {out.name}{''.join(given)}")
    except KeyboardInterrupt:
        command = shlex.join(["pixelproof", *sys.argv[1:]])
        console.print(
            f"Interrupted; nothing measured is lost. Continue with: [bold]{escape(command)}[/]", soft_wrap=True
        )
        raise
    for table in (perturbation_table(view), pgd_table(view)):
        console.print(terminal_table(narrowed(table, "data", "whose", "clean", "perturbed", "pgd", "diff", "seconds")))
    for claim in view.claims:
        console.print(f"[bold]{claim.verdict}[/]: {escape(claim.text)}", soft_wrap=True)
    for sentence in (*thesis_summary(view), *differences(view)):
        console.print(escape(sentence), soft_wrap=True)
    console.print(f"report: [bold]{escape(str(page))}[/]", soft_wrap=True)
