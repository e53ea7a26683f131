"""Defences by a short spelling, as on the command line."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any

from pixelproof.defences.feature_squeezing import BitDepth, MedianFilter
from pixelproof.defences.preprocessed import PreprocessedClassifier
from pixelproof.defences.preprocessor import Chain, Preprocessor
from pixelproof.defences.total_variation import TotalVariation
from pixelproof.errors import InputError
from pixelproof.models.classifier import Classifier

_KINDS: dict[str, type[BitDepth | MedianFilter | TotalVariation]] = {
    "bits": BitDepth,
    "median": MedianFilter,
    "tvm": TotalVariation,
}
_SQUEEZE = (BitDepth(), MedianFilter())
_STEP = re.compile(r"(\w+)(?:\((.*)\))?")
_JOINT = re.compile(r"\+(?![^(]*\))")  # not the sign of an exponent
SPELLINGS = f"{BitDepth().spelling}, {MedianFilter().spelling}, squeeze (both), {TotalVariation().spelling}"


def defend(classifier: Classifier, defence: str | None) -> Classifier:
    """``classifier`` behind the ``defence`` so spelled (see ``read_defence``); itself where that is None."""
    return classifier if defence is None else PreprocessedClassifier(classifier, read_defence(defence))


def read_defence(spelling: str) -> Preprocessor:
    """The preprocessor that ``spelling`` names: ``tvm``, ``bits(5)``, ``median(2)``, or several joined by ``+``.

    Parameters stand by name in parentheses, the first also without: ``tvm(0.3,seed=1)``; those left out keep their
    defaults. ``squeeze`` is ``bits(5)+median(2)``. Raises ``InputError`` for what is not so spelled.
    """
    steps: list[Preprocessor] = []
    for part in _JOINT.split(spelling):
        steps += _SQUEEZE if part.strip() == "squeeze" else [_step(part.strip())]
    return steps[0] if len(steps) == 1 else Chain(tuple(steps))


def _step(text: str) -> Preprocessor:
    found = _STEP.fullmatch(text)
    if not found or found[1] not in _KINDS:
        raise InputError(f"There is no defence {text!r}; expected {SPELLINGS}, or several joined by +.")
    kind = _KINDS[found[1]]
    return kind(**_parameters(text, found[2] or "", {field.name: type(field.default) for field in fields(kind)}))


def _parameters(text: str, given: str, types: dict[str, type]) -> dict[str, Any]:
    """The values in ``given`` by name, each of its type in ``types``, whose first name may be left out."""
    values: dict[str, Any] = {}
    for part in given.split(",") if given.strip() else ():
        name, named, value = part.rpartition("=")
        name = name.strip() if named else next(iter(types))
        if name not in types or name in values:
            raise InputError(
                f"{text!r} has {part.strip()!r}; expected each of {', '.join(types)} at most once, by name."
            )
        try:
            values[name] = types[name](value)
        except ValueError as error:
            number = "a whole number" if types[name] is int else "a number"
            raise InputError(f"{text!r} has {part.strip()!r}; expected {number} for {name}.") from error
    return values
