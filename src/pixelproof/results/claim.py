"""A claim of a source, put to the data: held, not held, or not to be said, with the numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from pixelproof.results.intervals import Rate

Verdict = Literal["held", "not held", "cannot be said"]
Number = tuple[str, Rate | float]  # its name, with the unit of a plain one


@dataclass(frozen=True)
class PaperClaim:
    """What a source says, whether it holds here by ``rule``, and from which ``numbers``."""

    name: str
    text: str
    rule: str
    verdict: Verdict = "cannot be said"
    reason: str = ""  # why it cannot be said
    numbers: tuple[Number, ...] = ()

    def judged(self, held: bool, numbers: Iterable[Number]) -> PaperClaim:
        return replace(self, verdict="held" if held else "not held", numbers=tuple(numbers))

    def undecided(self, reason: str, numbers: Iterable[Number] = ()) -> PaperClaim:
        return replace(self, reason=reason, numbers=tuple(numbers))
