"""Searches, attacks, defences and corruptions of other packages, by their entry points.

A package says what it brings in the groups ``pixelproof.searches``, ``pixelproof.attacks``, ``pixelproof.defences`` and
``pixelproof.corruptions``; the name of an entry point is what people type. Its code is imported when that name is asked
for, and what goes wrong in it is said in one sentence that names the package.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from traceback import walk_tb
from typing import TYPE_CHECKING, Any, Literal

from pixelproof.errors import InputError, PixelproofError
from pixelproof.wording import first_line

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

Kind = Literal["searches", "attacks", "defences", "corruptions"]
_ONE: dict[Kind, str] = {
    "searches": "search",
    "attacks": "attack",
    "defences": "defence",
    "corruptions": "corruption",
}
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


@dataclass(frozen=True)
class Plugin:
    """What a package brings of one ``kind`` under ``name``."""

    kind: Kind
    name: str
    package: str
    version: str
    point: EntryPoint = field(repr=False)

    def __str__(self) -> str:
        return f"{self.package} {self.version}"

    @property
    def noun(self) -> str:
        """What one of its kind is called."""
        return _ONE[self.kind]

    def fault(self, what: str) -> InputError:
        """The error that the package is at fault for; ``what`` goes on from its name."""
        return InputError(
            f"The {self.noun} {self.name} of the package {self} {what}; update or uninstall {self.package}, or "
            "tell its authors."
        )

    def load(self, expected: str, class_of: Callable[[Any], type | None]) -> Any:
        """What the entry point names; ``class_of`` gives the class that does its work, None where it is unfit.

        Raises ``InputError`` where it does not import, or is not what was ``expected``.
        """
        try:
            found = self.point.load()
        except Exception as error:
            raise self.fault(f"does not load ({first_line(error)})") from error
        if (kind := class_of(found)) is None:
            raise self.fault(f"is {found!r} where {expected} was expected")
        _LOADED[kind] = self
        return found


#: The classes that do the work of the plug-ins loaded so far.
_LOADED: dict[type, Plugin] = {}


@cache
def plugins(kind: Kind) -> tuple[Plugin, ...]:
    """What the installed packages bring of ``kind``, by name and package; nothing of it is imported."""
    from importlib.metadata import entry_points  # a tenth of a second that `pixelproof --help` need not wait for

    found = []
    for point in entry_points(group=f"pixelproof.{kind}"):
        package, version = (point.dist.name, point.dist.version) if point.dist else (point.module, "of no version")
        found.append(Plugin(kind, point.name, package, version, point))
    return tuple(sorted(found, key=lambda each: (each.name, each.package)))


def plugin(kind: Kind, name: str, own: Collection[str]) -> Plugin | None:
    """The one that brings ``name``; None where there is none. ``own`` are the names that are pixelproof's.

    Raises ``InputError`` where a name is brought twice, or is one of ``own``: which is meant would be a guess.
    """
    found = [each for each in plugins(kind) if each.name == name]
    for each in found:
        refuse(each, own)
    return found[0] if found else None


def refuse(each: Plugin, own: Collection[str]) -> None:
    """Raise ``InputError`` where the name of ``each`` is taken, or cannot be typed."""
    what = f"The package {each} brings a {each.noun} called {each.name}"
    if not _NAME.fullmatch(each.name):
        raise InputError(
            f"The package {each} brings a {each.noun} called {each.name!r}; expected small letters, digits and "
            "single hyphens, so ask its authors for such a name."
        )
    if each.name in own:
        raise InputError(
            f"{what}, which is the name of one of pixelproof's own; uninstall {each.package}, or ask its authors for "
            "another name."
        )
    if others := [other for other in plugins(each.kind) if other.name == each.name and other is not each]:
        raise InputError(f"{what}, and so does {others[0]}; uninstall one of the two.")


def names(kind: Kind) -> tuple[str, ...]:
    """What can be typed beside pixelproof's own."""
    return tuple(dict.fromkeys(each.name for each in plugins(kind)))


def versions(things: Iterable[object]) -> dict[str, str]:
    """By package the version of those that any of ``things``, classes or objects of them, is from."""
    owners = (_LOADED.get(thing if isinstance(thing, type) else type(thing)) for thing in things)
    return {each.package: each.version for each in owners if each is not None}


@contextmanager
def blamed() -> Iterator[None]:
    """Turns an exception of a plug-in's code, or of a call of its objects, into a sentence that names its package."""
    try:
        yield
    except (PixelproofError, MemoryError):
        raise
    except Exception as error:
        owner = _owner(error)
        if owner is None:
            raise
        raise owner.fault(f"failed ({first_line(error)})") from error


def _owner(error: Exception) -> Plugin | None:
    """The plug-in in whose module, or with whose object as its first argument, a function raised ``error``."""
    roots = {_root(kind.__module__): each for kind, each in _LOADED.items()}
    found = None
    for frame, _ in walk_tb(error.__traceback__):
        code = frame.f_code
        first = frame.f_locals.get(code.co_varnames[0]) if code.co_argcount else None
        found = _LOADED.get(type(first)) or roots.get(_root(frame.f_globals.get("__name__", ""))) or found
    return found


def _root(module: str) -> str:
    return module.partition(".")[0]
