"""What one attempt to prove an image came to."""

from dataclasses import dataclass, field
from typing import Any

from pixelproof.data.imageset import UInt8Array


@dataclass(frozen=True, eq=False)
class Attempt:
    """Proved, broken by the image ``found``, or neither, and then ``reason`` says why in a few words.

    ``body`` is what a checker reads of a proof; ``found`` is an 8-bit image H×W×C within the constraint that gets
    another answer.
    """

    proved: bool
    reason: str
    size: int  # images, boxes or maskings that it rests on, or that were looked at
    queries: int  # images through the model
    seconds: float
    body: dict[str, Any] = field(default_factory=dict)
    found: UInt8Array | None = None
