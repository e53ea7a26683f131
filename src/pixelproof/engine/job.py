"""The work: samples to attack, and what comes back."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from pixelproof.data.imageset import UInt8Array
from pixelproof.runs.record import Record

Outcome = tuple[Record, UInt8Array | None]


@dataclass(frozen=True, eq=False)
class Sample:
    """A correctly classified image to attack: its index in the source, uint8 H×W×C pixels, label, target class."""

    index: int
    pixels: UInt8Array
    label: int
    target: int | None
    confidence: float  # of the true class, on the clean image
    scores: Tensor | None = None  # log-scores of the clean image, K, where a search is to begin from them


@dataclass(frozen=True)
class Round:
    """What one round of the engine brought: finished ``outcomes`` (commit them together) and the queries it took."""

    outcomes: list[Outcome]
    queries: int
    in_flight: int
