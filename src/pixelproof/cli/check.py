"""pixelproof check: whether a run is as robust as it must be, for people and for CI."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from pixelproof.cli.options import Json, Quiet

Require = Annotated[
    list[str] | None,
    typer.Option(
        metavar="REQUIREMENT",
        help='As "robust-accuracy(linf,3) >= 40%", "proved(l0,1) >= 10", "mce <= 35%", "audit = pass", '
        '"clean-accuracy >= baseline - 2%"; may be given several times.',
    ),
]


def check(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Folders of runs of one model.")],
    require: Require = None,
    requirements: Annotated[
        Path | None, typer.Option(metavar="FILE.toml", help="A file with require, baseline, alpha and margin.")
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(
            metavar="OLD",
            help="A run to be no worse than, in every measure in common, unless a requirement speaks of the baseline.",
        ),
    ] = None,
    alpha: Annotated[
        float | None, typer.Option(help="The chance of a wrong answer.", show_default="0.05, or the file's")
    ] = None,
    margin: Annotated[
        float | None,
        typer.Option(help="Points that may be lost against the baseline.", show_default="10, or the file's"),
    ] = None,
    junit: Annotated[Path | None, typer.Option(help="Write JUnit XML to this file.")] = None,
    sarif: Annotated[Path | None, typer.Option(help="Write SARIF 2.1.0 to this file.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write Markdown for a pull request to this file.")] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Compare with a baseline that was measured otherwise, and mark it.")
    ] = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Decide whether runs meet requirements: exit code 0 met, 1 not met, 3 cannot be decided with so few samples."""
    from pixelproof.cli.console import console
    from pixelproof.cli.documents import print_json
    from pixelproof.files import write_whole
    from pixelproof.jobs.assess_spec import from_options
    from pixelproof.jobs.spec_file import read_spec_file
    from pixelproof.plans.check import CheckSpec
    from pixelproof.plans.check import check as decided
    from pixelproof.report.check import check_junit, check_markdown, check_notes, check_sarif, decision_lines
    from pixelproof.runs import reading

    said = CheckSpec() if requirements is None else read_spec_file(CheckSpec, requirements, "file of requirements", {})
    given = {"baseline": baseline, "alpha": alpha, "margin": margin}
    options = {**said.model_dump(), **{key: value for key, value in given.items() if value is not None}}
    spec = from_options(CheckSpec, {**options, "require": (*said.require, *(require or ()))})
    with reading("one of the runs"):
        checked = decided(runs, spec, force=force)
    for path, text in ((junit, check_junit), (markdown, check_markdown)):
        if path is not None:
            write_whole(path, text(checked))
    if sarif is not None:
        write_whole(sarif, check_sarif(checked, requirements))
    console.print(f"[bold]{escape(checked.title)}[/]", soft_wrap=True)
    for line in decision_lines(checked.decisions):
        console.print(line, soft_wrap=True)
    for note in check_notes(checked):
        console.print(f"[dim]{escape(note)}[/]", soft_wrap=True)
    if as_json:
        print_json(checked.document())
    raise typer.Exit(checked.exit_code)
