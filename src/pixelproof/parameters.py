"""Parameters behind what is typed for a model or for data, as in ``folder:DIR,size=64``."""

import re
from collections.abc import Iterable, Sequence

from pixelproof.wording import meant

_PARAMETER = re.compile(r",([a-z_]+)=([^,]*)$")


def parsed(spec: str) -> tuple[str, dict[str, str]]:
    """``spec`` without the parameters at its end, and these by name."""
    parameters: dict[str, str] = {}
    while (found := _PARAMETER.search(spec)) is not None:
        parameters.setdefault(found[1], found[2])
        spec = spec[: found.start()]
    return spec, parameters


def unknown(spec: str, given: Iterable[str], known: Sequence[str]) -> str | None:
    """What is said of the first parameter ``given`` in ``spec`` that is none of those ``known``; None: all are."""
    for name in given:
        if name not in known:
            return f"There is no parameter {name} for {spec!r}{meant(name, known)}; expected {', '.join(known)}."
    return None
