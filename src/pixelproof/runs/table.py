"""A dataclass as a table of a run: its columns, its rows, and the digest that tells when a row was altered.

A record type names its ``TABLE`` and its ``KEY``, the fields that tell two records apart. Numbers, truth values, text
and None are columns as they are; everything else is JSON. SQLite would keep NaN as NULL, so numbers that are not finite
are kept as text.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import cache
from sys import intern
from types import NoneType, UnionType
from typing import Any, ClassVar, Literal, Protocol, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy.typing as npt

from pixelproof.errors import RunError
from pixelproof.wording import shown

_SCALARS = (bool, int, float, str, NoneType)
_NOT_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


class RecordType(Protocol):
    """What the store asks of a record: a frozen dataclass that says where it is kept."""

    TABLE: ClassVar[str]
    KEY: ClassVar[tuple[str, ...]]
    __dataclass_fields__: ClassVar[dict[str, Any]]


R = TypeVar("R", bound=RecordType)


@cache
def columns(kind: type[RecordType]) -> tuple[str, ...]:
    """The names of the columns, in the order of the fields."""
    return tuple(each.name for each in fields(kind))


def schema(kind: type[RecordType]) -> list[str]:
    """The statements that make the table of ``kind``. NULLs of a key are equal here, which SQLite's UNIQUE denies."""
    table = kind.TABLE
    key = ", ".join(f"ifnull(\"{name}\", '')" for name in kind.KEY)
    names = ", ".join(f'"{name}"' for name in columns(kind))  # some are words of SQL
    return [
        f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, {names}, digest TEXT NOT NULL)",
        f"CREATE UNIQUE INDEX {table}_key ON {table} ({key})",
        f'CREATE INDEX {table}_first ON {table} ("{kind.KEY[0]}")',
    ]


def to_row(record: RecordType) -> list[Any]:
    """The values of ``record``, as they are kept."""
    types = _types(type(record))
    return [_kept(getattr(record, name), types[name]) for name in columns(type(record))]


def from_row(kind: type[R], row: Sequence[Any]) -> R:
    """The record in ``row``. Raises ``RunError`` where a value is not of its field's type."""
    values = []
    for (name, as_they_are), value in zip(_plain(kind), row, strict=True):
        if type(value) in as_they_are:
            values.append(intern(value) if type(value) is str else value)
            continue
        try:
            read = _read(value, _types(kind)[name])
            values.append(_frozen(read) if get_origin(_hints(kind)[name]) is tuple else read)
        except (TypeError, ValueError, RecursionError) as error:
            raise RunError(f"A record of the run is damaged: its {name} is {shown(value)}.") from error
    return kind(*values)


def row_digest(row: Sequence[Any], images: Sequence[npt.NDArray[Any] | None]) -> str:
    """64 hexadecimal digits of the values and of the images that belong to them."""
    digest = hashlib.sha256(json.dumps(list(row)).encode())
    for image in images:
        digest.update(b"" if image is None else image.tobytes())
    return digest.hexdigest()


def sealed(values: Mapping[str, Any]) -> str:
    """64 hexadecimal digits of plain values, whatever their order."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


@cache
def _types(kind: type[RecordType]) -> dict[str, tuple[type, ...] | None]:
    """The types that the value of each field may have; None where it is kept as JSON."""
    return {name: _scalars(_hints(kind)[name]) for name in columns(kind)}


@cache
def _plain(kind: type[RecordType]) -> list[tuple[str, frozenset[type]]]:
    """The fields in their order, and which types of values they keep as they are: most of hundreds of thousands of
    rows are read without a further look."""
    found = []
    for name, allowed in _types(kind).items():
        types = set(allowed or ())
        types -= {bool, int} if bool in types else set()  # a truth value is kept as 0 or 1
        types -= {str} if float in types else set()  # as what is not finite is text
        found.append((name, frozenset(types)))
    return found


@cache
def _hints(kind: type[RecordType]) -> dict[str, Any]:
    return get_type_hints(kind)


def _scalars(hint: Any) -> tuple[type, ...] | None:
    if get_origin(hint) in (Union, UnionType):
        parts = [_scalars(each) for each in get_args(hint)]
        return None if None in parts else tuple(one for part in parts if part for one in part)
    if get_origin(hint) is Literal:
        return tuple({type(each) for each in get_args(hint)})
    if hint is float:
        return (float, int)
    return (hint,) if hint in _SCALARS else None


def _kept(value: Any, allowed: tuple[type, ...] | None) -> Any:
    if allowed is None:
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return int(value) if isinstance(value, bool) else value  # as SQLite gives it back


def _read(value: Any, allowed: tuple[type, ...] | None) -> Any:
    if allowed is None:
        return json.loads(value)
    if float in allowed and value in _NOT_FINITE:
        return _NOT_FINITE[value]
    if bool in allowed and value in (0, 1):
        return bool(value)
    if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
        raise ValueError(value)
    return value


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
