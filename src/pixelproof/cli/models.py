"""pixelproof models check: what a model is like, in seconds, before anything is attacked."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from pixelproof.cli.completion import MODELS, one_of
from pixelproof.cli.examples import epilog
from pixelproof.cli.options import Data, Defence, Device, Range, TrustCode, limits, parse_options
from pixelproof.wording import count, decimal, percent

if TYPE_CHECKING:
    from pixelproof.jobs.model_check import ModelCheck

app = typer.Typer(help="What a model is like, before anything is attacked.", no_args_is_help=True)


@app.callback()
def _models() -> None:
    pass


@app.command("check", epilog=epilog("models check"))
def check(
    model: Annotated[
        str, typer.Argument(help="The model, as for assess (pixelproof list models).", autocompletion=one_of(*MODELS))
    ],
    data: Data,
    defence: Defence = None,
    range_: Range = None,
    device: Device = "auto",
    trust_code: TrustCode = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Say what a model is like in seconds: output, classes, accuracy, gradients, speed, and what may be asked of it."""
    from pixelproof.jobs.assess_spec import AssessSpec
    from pixelproof.jobs.model_check import check_model
    from pixelproof.jobs.open import open_assessment

    found = check_model(open_assessment(parse_options(AssessSpec, locals(), range=limits(range_))))
    if as_json:
        typer.echo(json.dumps(asdict(found), indent=1, ensure_ascii=False))
    else:
        _print(found)


def _print(found: ModelCheck) -> None:
    from rich.markup import escape
    from rich.table import Table

    from pixelproof.cli.console import console, show_findings

    table = Table(title=escape(f"{found.model} on {found.data}"), title_justify="left", box=None, show_header=False)
    table.add_column(no_wrap=True, style="bold")
    table.add_column()
    for name, text in _rows(found).items():
        table.add_row(name, escape(text))
    console.print(table)
    show_findings(found.findings)


def _speed(images: float) -> str:
    return f"{decimal(images)} images a second" if images else "not measured"


def _rows(found: ModelCheck) -> dict[str, str]:
    right = f"{count(found.right)} of {count(found.images)} images"
    return {
        "output": f"{found.kind} of {found.classes} classes",
        "accuracy": f"{percent(found.right / found.images)}: {right}",
        "gradients": "yes" if found.gradients else "no",
        "answers twice": "alike" if found.same_twice else "differently",
        "speed": f"{_speed(found.speed)} on {found.device}, by {found.batch_size}",
        **{name: ", ".join(values) for name, values in found.may.items()},
        **{f"no {name}": why for name, why in found.may_not.items()},
    }
