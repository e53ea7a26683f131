"""What one attempt at a proof came to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pixelproof.data.imageset import UInt8Array


@dataclass(frozen=True)
class Attempt:
    """One image at one threshold: proved, broken on the way, or open.

    ``proved``: ``body`` is what a checker reads. ``found``: an 8-bit image H×W×C within the constraint to which the
    network gives another answer. With neither, ``reason`` is the sentence that says what ended the attempt.
    """

    proved: bool
    reason: str
    size: int  # images, boxes or maskings that the proof rests on, or that were looked at
    queries: int  # images through the network
    seconds: float
    body: dict[str, Any] = field(default_factory=dict)
    found: UInt8Array | None = None
