"""Specs in TOML files, and what is wrong with one in a sentence."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from pixelproof.errors import InputError
from pixelproof.wording import listed

Spec = TypeVar("Spec", bound=BaseModel)
_TABLES = ("networks", "defences", "models", "comparisons")


class Options(BaseModel):
    """What people can tell: values that stay as they are, and a mistake where one is told that nobody knows."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def read_spec_file(kind: type[Spec], path: Path, noun: str, instead: Mapping[str, Any]) -> Spec:
    """The spec of ``kind``, which people call ``noun``, in the TOML file ``path``, with values ``instead`` of its own.

    Raises ``InputError`` with one sentence that names the file, the place in it and the trouble.
    """
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"There is no {noun} {path}; expected a TOML file, so check its path.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as TOML: {_small(str(error)).rstrip('.')}.") from error
    return checked(kind, {**values, **instead}, str(path))


def checked(kind: type[Spec], values: Mapping[str, Any], place: str) -> Spec:
    """The spec of ``kind`` with ``values``, which stand at ``place``. Raises as ``read_spec_file`` does."""
    try:
        return kind(**values)
    except ValidationError as error:
        raise InputError(f"{place}: {_sentence(error)}") from error


def _sentence(error: ValidationError) -> str:
    """``networks, entry 2, model: it is missing.``; where more keys are missing, all of them."""
    errors = error.errors()
    missing = [each for each in errors if each["type"] == "missing"]
    if len(missing) > 1:
        return (
            f"{listed([_dotted(each['loc']) for each in missing])} are missing; expected a value for each, so add them."
        )
    first = (missing or errors)[0]
    parts = [f"entry {part + 1}" if isinstance(part, int) else str(part) for part in first["loc"]]
    place = f"{', '.join(parts)}: " if parts else ""
    if first["type"] == "extra_forbidden":
        return f"{place}there is no such key; check its spelling and under which heading it stands."
    if first["type"] == "missing":
        return f"{place}it is missing; expected a value, so add one."
    if first["type"] == "too_short":
        return f"{place}there are none; expected at least one, so add one."
    if first["type"] == "tuple_type" and first["loc"][-1] in _TABLES:
        return f"{place}expected a list, so write [[{first['loc'][-1]}]] above each entry."
    if first["type"] == "model_type":
        return f"{place}expected keys with values, so write [{'.'.join(map(str, first['loc']))}] above them."
    # Options of the command line are keys here.
    text = re.sub(r"--(?=\w)", "", first["msg"].removeprefix("Value error, ")).rstrip(".")
    given = "" if first["type"] == "value_error" else f" (given: {first['input']!r})"
    return f"{place}{_small(text)}{given}."


def _dotted(place: tuple[int | str, ...]) -> str:
    """``networks(2).model``."""
    return "".join(f"({part + 1})" if isinstance(part, int) else f".{part}" for part in place).removeprefix(".")


def _small(text: str) -> str:
    return f"{text[:1].lower()}{text[1:]}"
