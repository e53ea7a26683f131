"""What there is to say where a checkpoint looks at several things: the gravest first, the rest as notes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pixelproof.jobs.audit.checkpoint import Answer

_SHOWN = 2  # remarks that a finding is made of


@dataclass(frozen=True)
class Remark:
    """``text`` is a whole sentence, and so is ``remedy`` where something is to be done. ``pass`` only informs."""

    verdict: Literal["pass", "warn", "fail"]
    text: str
    remedy: str = ""


def summed(remarks: Sequence[Remark], otherwise: str, **rest: Any) -> Answer:
    """The answer that ``remarks`` come to, with ``rest``; ``otherwise`` is the finding where none objects."""
    for verdict in ("fail", "warn"):
        gravest = [each for each in remarks if each.verdict == verdict]
        if gravest:
            told = gravest[:_SHOWN]
            others = tuple(each.text for each in remarks if each not in told)
            return Answer(verdict, " ".join(each.text for each in told), told[0].remedy, notes=others, **rest)
    return Answer("pass", otherwise, notes=tuple(each.text for each in remarks), **rest)
