"""The options that several commands have, and those whose text holds several values."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from pixelproof.cli.completion import DATA, DEFENCES, MODELS, one_of
from pixelproof.cli.console import set_up
from pixelproof.errors import InputError
from pixelproof.wording import shown

if TYPE_CHECKING:
    from pydantic import BaseModel

Spec = TypeVar("Spec", bound="BaseModel")


def _quiet(context: typer.Context, wanted: bool) -> bool:
    if wanted:
        context.find_root().with_resource(set_up(quiet=True))
    return wanted


def _json(context: typer.Context, wanted: bool) -> bool:
    if wanted:
        context.find_root().with_resource(set_up(stderr=True))
    return wanted


Model = Annotated[
    str,
    typer.Option(
        help="zoo:NAME, FILE.py:FUNCTION, FILE.pt2, onnx:FILE, timm:NAME … (pixelproof list models).",
        autocompletion=one_of(*MODELS),
    ),
]
Data = Annotated[
    str,
    typer.Option(
        help="bundled, folder:DIR, npz:FILE, csv:FILE … (pixelproof list data).", autocompletion=one_of(*DATA)
    ),
]
Defence = Annotated[
    str | None,
    typer.Option(
        help="What images go through before the model: tvm, jpeg(75), bits(5), median(2) …",
        autocompletion=one_of(*DEFENCES, kind="defences", between="+"),
    ),
]
Range = Annotated[
    str | None, typer.Option("--range", metavar="START:STOP", help="Consider only these images, in file order.")
]
Shuffle = Annotated[int | None, typer.Option(metavar="SEED", help="Take the images in an order shuffled by this seed.")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.", autocompletion=one_of("auto", "cpu", "cuda"))]
TrustCode = Annotated[
    bool, typer.Option("--trust-code", help="Load models that can run code: .py, modules, .pt2, TorchScript.")
]
Run = Annotated[Path, typer.Argument(help="The folder of the run.")]
Key = Annotated[
    Path | None, typer.Option(metavar="PUBLIC.pem", help="Of an evidence pack: whose Ed25519 signature is demanded.")
]
MovedModel = Annotated[str | None, typer.Option("--model", help="Where the run's model is now, if it has moved.")]
MovedData = Annotated[str | None, typer.Option("--data", help="Where the run's data is now, if it has moved.")]
OtherData = Annotated[str | None, typer.Option("--data", help="Other data than the file names.")]
Workers = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Spread the work over N processes of this machine, or N workers of --backend ray; records are the same.",
        show_default="this process alone, or all CPUs of the cluster",
    ),
]
BackendName = Annotated[
    str | None,
    typer.Option(
        "--backend",
        help="processes (of this machine), or ray: the workers of a Ray cluster.",
        autocompletion=one_of("processes", "ray"),
    ),
]
Address = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT",
        help="Where the Ray cluster is, or auto: the one that this machine is part of.",
        show_default="one is started here",
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", callback=_quiet, help="Print errors alone.")]
Json = Annotated[
    bool,
    typer.Option(
        "--json",
        callback=_json,
        help="Print the result alone, as JSON; what is for people goes to standard error.",
    ),
]
Open = Annotated[bool, typer.Option("--open", help="Open the report in the browser.")]
PlanOut = Annotated[Path, typer.Option(help="Folder for the runs, the report, the tables and the figures.")]

_PLACES = {"cifar10": "ROOT", "idx": "DIR", "npz": "FILE", "folder": "DIR"}


def without_place(data: str) -> str:
    """``data`` without its place on this machine: ``cifar10:ROOT``."""
    kind, colon, _ = data.partition(":")
    if kind == "pentomino":  # numbers, not a place
        return data
    return kind + colon + _PLACES.get(kind, "") if colon else kind


def parse_options(kind: type[Spec], given: Mapping[str, object], **read: object) -> Spec:
    """The spec of ``kind`` that a command's options say: of its locals ``given`` those of the spec's fields.

    ``read`` are those whose text had to be taken apart. Raises ``InputError`` with one sentence on what is wrong.
    """
    from pixelproof.jobs.assess_spec import from_options

    fields = {name: value for name, value in given.items() if name in kind.model_fields}
    return from_options(kind, {**fields, **read})


def option_name(parameter: Any) -> str:
    """What a parameter of a command is called in specs: ``max_queries`` of ``--max-queries``."""
    name: str = parameter.opts[0]
    return name.removeprefix("--").replace("-", "_")


def spec_file(context: typer.Context, path: Path | None) -> Path | None:
    """Of the TOML file ``path`` what it says becomes the defaults of the command's other options."""
    if path is not None:
        from pixelproof.jobs.assess_file import read_assess_file  # torch is read where there is a file

        values = read_assess_file(path)
        names = {option_name(each): str(each.name) for each in context.command.params}
        context.default_map = {names[key]: _typed(key, value) for key, value in values.items()}
    return path


def _typed(key: str, value: Any) -> Any:
    """``value`` as it is typed on the command line; options that are given several times take lists."""
    if key == "fail_under":
        return value
    return (":" if key == "range" else ",").join(map(str, value)) if isinstance(value, list) else value


#: What may stand before the options.
SpecFile = Annotated[
    Path | None,
    typer.Argument(
        metavar="[SPEC.toml]",
        callback=spec_file,
        is_eager=True,
        help="A file of the options below; see pixelproof init.",
    ),
]


def parts(text: str) -> list[str]:
    """What stands between commas."""
    return [part.strip() for part in text.split(",") if part.strip()]


def integer(option: str, text: str) -> int:
    """Raises ``InputError`` when ``text`` of ``option`` is no whole number."""
    try:
        return int(text)
    except ValueError as error:
        raise InputError(f"{option}: a whole number was expected, not {shown(text)}.") from error


def count_or_all(given: str | int) -> int | str:
    """A number from 1 on, or "all"; what a file gives need not be text. Raises ``typer.BadParameter`` otherwise."""
    text = str(given)
    if text != "all" and not (text.isdecimal() and len(text) < 20 and int(text)):
        raise typer.BadParameter("a whole number from 1 on, or all, was expected")
    return text if text == "all" else int(text)


def number(option: str, text: str) -> float:
    """Raises ``InputError`` when ``text`` of ``option`` is no number."""
    try:
        return float(text)
    except ValueError as error:
        raise InputError(f"{option}: a number was expected, not {shown(text)}.") from error


def limits(text: str | None) -> tuple[int, int] | None:
    """START:STOP. Raises ``InputError`` for anything else."""
    if text is None:
        return None
    start, colon, stop = text.partition(":")
    if not colon:
        raise InputError(f"--range: START:STOP was expected, as in 0:500, not {text!r}.")
    return integer("--range", start), integer("--range", stop)
