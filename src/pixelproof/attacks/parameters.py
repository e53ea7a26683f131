"""Checks that parameters of attacks share."""

from __future__ import annotations

from math import isfinite

from pixelproof.errors import InputError


def require_positive(attack: str, **values: float) -> None:
    """Raise ``InputError``, in one sentence, for the first of ``values`` that is not a number above 0."""
    for name, value in values.items():
        if not (isfinite(value) and value > 0):
            raise InputError(f"{attack} needs {name} above 0, not {value:g}.")
