"""pixelproof transfer: a lower bound in seconds, from images that other runs have found."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape


def transfer(
    source: Annotated[list[Path], typer.Option("--from", metavar="RUN", help="Take the images of this run; repeat.")],
    model: Annotated[
        str,
        typer.Option(help="zoo:NAME, FILE.py:FACTORY, PKG.MOD:FACTORY, or a FILE.pt2 / TorchScript file."),
    ],
    defence: Annotated[
        str | None,
        typer.Option(help="What images go through before the model: tvm, squeeze, bits(5), median(2) …"),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the table as CSV, Markdown and LaTeX.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    trust_code: Annotated[
        bool, typer.Option("--trust-code", help="Load a model from a file that can run code: .py, .pt2, TorchScript.")
    ] = False,
) -> None:
    """Show the adversarial images of finished runs to another model: a lower bound on what a search would fool."""
    from pixelproof.cli.console import console, show_findings
    from pixelproof.cli.open import open_model
    from pixelproof.jobs.assess_spec import make_spec
    from pixelproof.plans.study.fast_assessment import fast_assessment
    from pixelproof.report.study_tables import fast_table
    from pixelproof.report.table import write_forms
    from pixelproof.report.terminal import terminal_table

    spec = make_spec(model=model, data="runs", defence=defence, device=device, trust_code=trust_code)
    classifier = open_model(spec)
    rows, findings = fast_assessment(source, classifier, device)
    show_findings(findings)
    table = fast_table(rows)
    bound = f"[bold]A lower bound[/] for {escape(classifier.name)}, from stored images alone: no search was made."
    console.print(bound, soft_wrap=True)
    console.print(terminal_table(table))
    if out is not None:
        write_forms([table], out)
        console.print(f"table: [bold]{escape(str(out / table.name))}.csv[/], .md, .tex", soft_wrap=True)
