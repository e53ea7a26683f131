"""A checkpoint's answer beside the checkpoint's own words, as the journal keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pixelproof.jobs.audit.checkpoint import Answer, Plot
from pixelproof.runs.journal import Journal


@dataclass(frozen=True, kw_only=True)
class Answered(Answer):
    """``number`` to ``source`` are those of the ``Checkpoint``."""

    number: int
    name: str
    title: str
    asks: str
    source: str

    @property
    def label(self) -> str:
        """As sentences name it: ``4 (single-step)``."""
        return f"{self.number} ({self.name})"


def planned(journal: Journal) -> frozenset[int]:
    """The checkpoints asked for so far, in the last sitting and those before it."""
    sittings: list[Any] = [journal.head["planned"], *journal.of("planned")]
    return frozenset(number for sitting in sittings for number in sitting)


def read_answer(value: Mapping[str, Any]) -> Answered:
    """The answer in a line of the journal."""
    plots = tuple(Plot(**_frozen(each)) for each in value["plots"])
    numbers = tuple((name, text) for name, text in value["numbers"])
    return Answered(**{**_frozen(value), "plots": plots, "numbers": numbers})


def _frozen(value: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(each) if isinstance(each, list) else each for key, each in value.items()}
