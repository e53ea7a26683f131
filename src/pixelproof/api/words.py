"""The words and the forms of Python: options without dashes, one value where several may stand."""

import functools
import inspect
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import ParamSpec, TypeVar

import numpy as np
import torch
from torch import Tensor

from pixelproof.attacks.named import split
from pixelproof.errors import InputError
from pixelproof.plugins import blamed
from pixelproof.wording import nearest_name, shown

P = ParamSpec("P")
T = TypeVar("T")
One = TypeVar("One", str, int, float)

_OPTION = re.compile(r"--([a-z][a-z-]*)")


def python_words(function: Callable[P, T]) -> Callable[P, T]:
    """``function``, whose ``InputError``s name options as Python does, also one that nobody knows."""
    known = list(inspect.signature(function).parameters)

    @functools.wraps(function)
    def called(*args: P.args, **given: P.kwargs) -> T:
        for name in given:
            if name not in known:
                raise InputError(_unknown(function.__name__, name, known))
        try:
            with blamed():
                return function(*args, **given)
        except InputError as error:
            text = _OPTION.sub(lambda found: found[1].replace("-", "_"), str(error))
            raise type(error)(text) from error

    return called


def _unknown(function: str, name: str, known: Sequence[str]) -> str:
    if name in ("data", "trust_code"):
        return f"From Python there is no option {name}; hand over the model and the images themselves."
    near = nearest_name(name, known)
    meant = f"did you mean {near}?" if near else f"it takes {', '.join(known)}."
    return f"pp.{function} has no option {name}; {meant}"


def one_or_more(images: object, labels: object) -> tuple[object, object]:
    """``images`` and ``labels`` as they are; one image with one label as a list of each."""
    return ([images], [labels]) if labels is not None and np.ndim(labels) == 0 else (images, labels)  # type: ignore[arg-type]


def several(values: One | Iterable[One]) -> tuple[One, ...]:
    """One value, or some, as a tuple; what is neither is left to the check of its option."""
    if isinstance(values, (Tensor, np.ndarray)):
        values = values.tolist()
    return tuple(values) if isinstance(values, Iterable) and not isinstance(values, str) else (values,)


def several_attacks(values: str | Iterable[str]) -> tuple[str, ...]:
    """Attacks as a list, or as they are typed: ``few-pixel,pgd(epsilon=8)``."""
    return tuple(split(values)) if isinstance(values, str) else several(values)


def device_name(device: str | torch.device) -> str:
    """``auto``, ``cpu`` or ``cuda``; another kind of device is said not to be known where it is used."""
    return device.type if isinstance(device, torch.device) else device


def limits(value: range | slice | Sequence[int] | None) -> tuple[int, int] | None:
    """A part of the images: ``(0, 500)``, ``range(500)`` or ``slice(0, 500)``. Raises ``InputError`` for another."""
    if value is None:
        return None
    if isinstance(value, (range, slice)):
        ends = [value.start or 0, value.stop] if value.step in (None, 1) else []
    else:
        ends = list(several(value))
    if len(ends) != 2 or not all(isinstance(each, (int, np.integer)) for each in ends):
        raise InputError(f"range: a start and a stop were expected, as in (0, 500), not {shown(value)}.")
    return int(ends[0]), int(ends[1])


def folder(out: str | Path | None) -> Path | None:
    """Where the run is kept; None: in memory. Raises ``InputError`` for what is no path."""
    return None if out is None else path_of(out, "out")


def path_of(place: str | Path, name: str) -> Path:
    """``place``, which people give as ``name``, as a path. Raises ``InputError`` for what is none."""
    try:
        return Path(place)
    except TypeError as error:
        raise InputError(f"{name}: a folder was expected, as in 'run', not {shown(place)}.") from error
