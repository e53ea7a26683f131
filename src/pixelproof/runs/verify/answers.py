"""What the model answers to the images of a run, beside what the run says that it answered."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from pixelproof.data.imageset import UInt8Array

#: Probabilities N×K in full precision of N uint8 images H×W×C.
Predict = Callable[[list[UInt8Array]], npt.NDArray[np.float64]]
#: Probabilities K.
Row = npt.NDArray[np.float64]

#: Other processors compute other last digits. Two classes whose logits differ by no more than this count as one; so
#: much, for one that is larger its share, may a margin differ; and so much a probability.
NOISE = 1e-3
#: Images that are asked about at once.
_TOGETHER = 256


def says(row: Row, answer: int) -> bool:
    """Whether ``answer`` is the likeliest class of ``row``, or as likely but for rounding."""
    return 0 <= answer < len(row) and bool(np.isfinite(row).all()) and _log(row.max()) - _log(row[answer]) <= NOISE


def surely(row: Row, answer: int) -> bool:
    """Whether ``answer`` is the likeliest class of ``row``, whatever the rounding."""
    others = np.delete(row, answer) if 0 <= answer < len(row) else row
    return says(row, answer) and _log(row[answer]) - _log(others.max()) > NOISE


def near(told: float, found: float) -> bool:
    """Whether a probability or a margin was ``told`` as it was ``found``, but for rounding; NaN is near to nothing."""
    return told == found or abs(told - found) <= NOISE * max(1.0, abs(found))


def margin_of(row: Row, label: int, target: int | None, fitness: str) -> float:
    """How far an image is from success by ``fitness``, as the settings call it: below 0 it fools."""
    if fitness == "confidence":
        return float(row[label] if target is None else 1 - row[target])
    if target is None:
        return _log(row[label]) - _log(np.delete(row, label).max())
    return _log(np.delete(row, target).max()) - _log(row[target])


def _log(probability: float) -> float:
    with np.errstate(divide="ignore"):
        return float(np.log(probability))


@dataclass
class Asking:
    """Questions about images, put to the model together: what follows from an answer is told when it is there.

    ``predict`` None: there is no model, and nothing is told.
    """

    predict: Predict | None
    _waiting: list[tuple[UInt8Array, Callable[[Row], Iterator[str]]]] = field(default_factory=list)

    def ask(self, image: UInt8Array, then: Callable[[Row], Iterator[str]]) -> Iterator[str]:
        """Ask about ``image``; gives what follows from those that waited, once there are enough of them."""
        if self.predict is not None:
            self._waiting.append((image, then))
            if len(self._waiting) >= _TOGETHER:
                yield from self.rest()

    def rest(self) -> Iterator[str]:
        """What follows from all that still wait."""
        waiting, self._waiting = self._waiting, []
        if waiting and self.predict is not None:
            rows = self.predict([image for image, _ in waiting])
            for (_, then), row in zip(waiting, rows, strict=True):
                yield from then(row)
