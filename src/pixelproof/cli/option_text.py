"""Options whose text holds several values."""

from __future__ import annotations

from pixelproof.errors import InputError


def parts(text: str) -> list[str]:
    """What stands between commas."""
    return [part.strip() for part in text.split(",") if part.strip()]


def integer(option: str, text: str) -> int:
    """Raises ``InputError`` when ``text`` of ``option`` is no whole number."""
    try:
        return int(text)
    except ValueError as error:
        raise InputError(f"{option}: a whole number was expected, not {text!r}.") from error


def number(option: str, text: str) -> float:
    """Raises ``InputError`` when ``text`` of ``option`` is no number."""
    try:
        return float(text)
    except ValueError as error:
        raise InputError(f"{option}: a number was expected, not {text!r}.") from error


def limits(text: str | None) -> tuple[int, int] | None:
    """START:STOP. Raises ``InputError`` for anything else."""
    if text is None:
        return None
    start, colon, stop = text.partition(":")
    if not colon:
        raise InputError(f"--range: START:STOP was expected, as in 0:500, not {text!r}.")
    return integer("--range", start), integer("--range", stop)
