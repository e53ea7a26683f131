"""pixelproof init: a file to begin with, and what editors check it by."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from textwrap import wrap
from typing import Annotated, Any

import typer
from rich.markup import escape

from pixelproof.cli.assess import assess
from pixelproof.cli.options import option_name
from pixelproof.errors import InputError

#: The JSON Schema of the file, as it comes with the package; ``python tools/schema.py`` writes it anew.
SCHEMA = "assess.schema.json"

_HEAD = f"""#:schema ./{SCHEMA}
# What pixelproof assess measures. Run it with: pixelproof assess {{name}}
# Options on the command line win over what stands here. What stands behind # is a default or an example.
"""
#: Options that no file holds: who runs the command gives trust, and says what is shown and where the work is done.
_NOT = ("help", "trust_code", "quiet", "json", "open", "workers", "backend", "address")
#: What a file begins with, and examples of what is nothing by default.
_VALUES: dict[str, Any] = {"model": "zoo:lenet", "data": "bundled", "out": "run"}
_EXAMPLES: dict[str, Any] = {
    "defence": "jpeg(75)",
    "corruption": "fog(3)",
    "with": "perturbations",
    "surrogate": ["zoo:nin"],
    "range": [0, 500],
    "samples": 100,
    "minimal": 127,
    "max_queries": 2000,
    "certify": "auto",
    "shuffle": 0,
    "batch_size": 64,
    "fail_under": ["robust-accuracy(linf,1) >= 40%"],
}


def init(
    path: Annotated[Path, typer.Argument(metavar="[SPEC.toml]", help="The file to write.")] = Path("spec.toml"),
    force: Annotated[bool, typer.Option("--force", help="Write over files that are there.")] = False,
) -> None:
    """Write a spec for assess, every option with its explanation, and its JSON Schema beside it."""
    from pixelproof.cli.console import console
    from pixelproof.files import write_whole

    if path.is_dir() or path.suffix != ".toml":
        raise InputError(f"{path} is no name of a TOML file; expected one that ends in .toml, as spec.toml.")
    schema = path.with_name(SCHEMA)
    shipped = files("pixelproof.cli").joinpath(SCHEMA).read_bytes()
    there = [each for each in (path, schema) if each.exists() and each.read_bytes() != shipped]
    if there and not force:
        raise InputError(f"{there[0]} is there already; choose another name, or write over it with --force.")
    write_whole(schema, shipped)
    write_whole(path, template(path.name))
    console.print(
        f"[bold]{escape(str(path))}[/] is to be filled in; then run pixelproof assess {escape(str(path))}",
        soft_wrap=True,
    )


def template(name: str) -> str:
    """The commented file called ``name``, as TOML."""
    entries = (_entry(option_name(each), each) for each in _options())
    return _HEAD.format(name=name) + "".join(f"\n{entry}" for entry in entries)


def _entry(key: str, option: Any) -> str:
    default = option.show_default if isinstance(option.show_default, str) else None
    text = f"{option.help}{f' Default: {default}.' if default else ''}"
    value = {**_VALUES, **_EXAMPLES}.get(key, option.default)
    if key in ("attacks", "levels", "knowledge"):
        value = [int(part) if part.isdecimal() else part for part in option.default.split(",")]
    behind = "" if key in _VALUES else "# "
    return "".join(f"# {line}\n" for line in wrap(text, 110)) + f"{behind}{key} = {json.dumps(value)}\n"


def json_schema() -> dict[str, Any]:
    """The JSON Schema of such a file: the types of the options, and what their help says."""
    from pixelproof.jobs.assess_file import AssessFile

    schema = AssessFile.model_json_schema()
    helps = {option_name(each): each.help for each in _options()}
    properties = {key: _property(schema["properties"][key], text) for key, text in helps.items()}
    fixed = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": schema["title"], "type": "object"}
    return {**fixed, "additionalProperties": False, "properties": properties}


def _property(found: dict[str, Any], text: str) -> dict[str, Any]:
    """The type of one option, without null, which TOML has not."""
    kind = {key: value for key, value in found.items() if key not in ("title", "anyOf", "description")}
    kinds = [each for each in found.get("anyOf", ()) if each != {"type": "null"}]
    one = kinds[0] if len(kinds) == 1 else {"anyOf": kinds} if kinds else {}
    default = {} if found.get("default") in (None, "") else {"default": kind["default"]}
    rest = {key: value for key, value in kind.items() if key != "default"}
    return {"description": text, **rest, **one, **default}


def _options() -> list[Any]:
    """The options of ``pixelproof assess`` that a file may hold, in their order."""
    alone = typer.Typer(add_completion=False)
    alone.command()(assess)
    parameters = typer.main.get_command(alone).params
    return [each for each in parameters if each.param_type_name == "option" and option_name(each) not in _NOT]
