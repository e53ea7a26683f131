"""Specs in TOML files, and what is wrong with one in a sentence."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from pixelproof.errors import InputError
from pixelproof.wording import listed, nearest_name, shown

Spec = TypeVar("Spec", bound=BaseModel)
_MOST_BYTES = 1 << 20
_TABLES = ("networks", "defences", "models", "comparisons")


class Options(BaseModel):
    """What people can tell: values that stay as they are, and a mistake where one is told that nobody knows."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def read_spec_file(kind: type[Spec], path: Path, noun: str, instead: Mapping[str, Any]) -> Spec:
    """The spec of ``kind``, which people call ``noun``, in the TOML file ``path``, with values ``instead`` of its own.

    Raises ``InputError`` with one sentence that names the file, the place in it and the trouble.
    """
    return checked(kind, {**read_toml(path, noun), **instead}, str(path))


def read_toml(path: Path, noun: str) -> dict[str, Any]:
    """What the TOML file ``path`` says, which people call ``noun``. Raises ``InputError`` where that cannot be read."""
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            raise InputError(f"{path} is no regular file; expected a TOML file, so name one.")
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise InputError(f"{path} has more than {_MOST_BYTES:,} bytes; expected a TOML file written by hand.")
        values = tomllib.loads(content.decode("utf-8"))
        _check_numbers(
            values
        )  # TOML's own are of 64 bits; Python reads longer ones, and fails where it is to write them
        return values
    except InputError:
        raise
    except FileNotFoundError as error:
        raise InputError(f"There is no {noun} {path}; expected a TOML file, so check its path.") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); expected a TOML file.") from error
    except RecursionError as error:
        raise InputError(f"{path} cannot be read as TOML: its values are nested too deeply.") from error
    except ValueError as error:  # no TOML, no UTF-8, or a whole number of thousands of digits
        raise InputError(
            f"{path} cannot be read as TOML: {_small(str(error)).partition(';')[0].rstrip('.')}."
        ) from error


def _check_numbers(value: object) -> None:
    """Raise ``ValueError`` for a whole number of more than 64 bits anywhere in ``value``."""
    if isinstance(value, int) and value.bit_length() > 64:
        raise ValueError("A whole number has more than 64 bits")
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _check_numbers(each)


def checked(kind: type[Spec], values: Mapping[str, Any], place: str) -> Spec:
    """The spec of ``kind`` with ``values``, which stand at ``place``. Raises as ``read_spec_file`` does."""
    try:
        return kind(**values)
    except ValidationError as error:
        raise InputError(f"{place}: {_sentence(kind, error)}") from error


def _sentence(kind: type[BaseModel], error: ValidationError) -> str:
    """``networks, entry 2, model: it is missing.``; where more keys are missing, all of them."""
    errors = error.errors()
    unknown = [each for each in errors if each["type"] == "extra_forbidden"]
    missing = [] if unknown else [each for each in errors if each["type"] == "missing"]
    if len(missing) > 1:
        return (
            f"{listed([_dotted(each['loc']) for each in missing])} are missing; expected a value for each, so add them."
        )
    first = (unknown or missing or errors)[0]
    parts = [f"entry {part + 1}" if isinstance(part, int) else str(part) for part in first["loc"]]
    place = f"{', '.join(parts)}: " if parts else ""
    if first["type"] == "extra_forbidden":
        near = nearest_name(str(first["loc"][-1]), _keys(kind, first["loc"][:-1]))
        meant = f"did you mean {near}?" if near else "check its spelling and under which heading it stands."
        return f"{place}there is no such key; {meant}"
    if first["type"] == "missing":
        return f"{place}it is missing; expected a value, so add one."
    if first["type"] == "too_short":
        return f"{place}there are none; expected at least one, so add one."
    if first["type"] == "tuple_type" and first["loc"][-1] in _TABLES:
        return f"{place}expected a list, so write [[{first['loc'][-1]}]] above each entry."
    if first["type"] == "tuple_type":
        return f"{place}expected a list, as [ … ], not {shown(first['input'])}."
    if first["type"] == "model_type":
        return f"{place}expected keys with values, so write [{'.'.join(map(str, first['loc']))}] above them."
    # Options of the command line are keys here.
    text = re.sub(r"--(?=\w)", "", first["msg"].removeprefix("Value error, ")).rstrip(".")
    behind = "" if first["type"] == "value_error" else f" (given: {given(first)})"
    return f"{place}{_small(text)}{behind}."


def given(error: Any) -> str:
    """The value that an error of pydantic is about, and which of the words that were expected is near to it."""
    words = re.findall(r"'([^']*)'", error["ctx"]["expected"]) if error["type"] == "literal_error" else []
    near = nearest_name(str(error["input"]), words) if words else None
    return f"{shown(error['input'])}; is {near} meant?" if near else shown(error["input"])


def _keys(kind: type[BaseModel], place: tuple[int | str, ...]) -> list[str]:
    """The keys that there are at ``place`` of a spec of ``kind``."""
    for part in place:
        if part in kind.model_fields:
            kind = next(_parts(kind.model_fields[str(part)].annotation), kind)
    return [field.alias or name for name, field in kind.model_fields.items()]


def _parts(annotation: Any) -> Iterator[type[BaseModel]]:
    """The specs in an annotation such as ``tuple[ModelSpec, ...]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for each in get_args(annotation):
        yield from _parts(each)


def _dotted(place: tuple[int | str, ...]) -> str:
    """``networks(2).model``."""
    return "".join(f"({part + 1})" if isinstance(part, int) else f".{part}" for part in place).removeprefix(".")


def _small(text: str) -> str:
    return f"{text[:1].lower()}{text[1:]}"
