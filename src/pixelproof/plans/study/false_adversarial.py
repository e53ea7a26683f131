"""False adversarial images: within a small distance, yet no person recognises them (Kotyan & Vargas 2020, section IV).

The budget is what one pixel can change at most. The papers give it as 765 = 3 · 255, the sum over a pixel's channels;
by the Euclidean norm it is √3 · 255 ≈ 441.7. Here distances are Euclidean. An image within 441.7 of its original is
within 765 by the other reading too, where a pixel counts with the sum of its channels' changes: by Cauchy and Schwarz
that norm is at most √3 times the Euclidean one. So the smaller budget holds under both. The larger one, 765 taken as a
Euclidean distance, is the largest change of three pixels; it is shown as well, as the papers may mean it.

Without a limit to where an image may change, the whole budget goes into taking its contrast away: every value moves
towards one colour. Nothing but the image is needed, so what comes out says nothing of any network.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt

import numpy as np

from pixelproof.data.imageset import UInt8Array
from pixelproof.runs.distances import pixel_distances

_STEPS = 1 << 16  # fractions of the way that are tried


@dataclass(frozen=True, eq=False)
class FalseSample:
    """``image`` is ``clean``, uint8 H×W×C, moved towards ``colour`` as far as the budget allows."""

    clean: UInt8Array
    image: UInt8Array
    colour: tuple[int, ...]  # one value a channel
    budget: float  # Euclidean, in 8-bit units

    @property
    def l2(self) -> float:
        """How far ``image`` lies from ``clean``."""
        return float(pixel_distances(self.image, self.clean)["l2"])

    @property
    def contrast(self) -> float:
        """The share of the distance to the one colour that is left, 0 to 1."""
        before, after = (_squared_to(image, self.colour) for image in (self.clean, self.image))
        return sqrt(after / before) if before else 0.0


def budgets(channels: int) -> list[int]:
    """Squares of the two budgets: of a pixel's largest change by the Euclidean norm, and by the sum of its channels.

    The second, channels · 255, is taken as a Euclidean distance. With one channel both are the same, so there is one.
    """
    return sorted({channels * 255**2, (channels * 255) ** 2})


def false_sample(clean: UInt8Array, squared_budget: int) -> FalseSample:
    """The image nearest to one colour among those on the way there from ``clean`` that keep the budget.

    Computed and checked in integers, so it is the same everywhere.
    """
    colour = nearest_colour(clean)
    way = np.array(colour) - clean.astype(np.int64)
    low, high = 0, _STEPS  # the distance never falls on the way
    while low < high:
        middle = (low + high + 1) // 2
        if int((_part(way, middle) ** 2).sum()) <= squared_budget:
            low = middle
        else:
            high = middle - 1
    image = (clean + _part(way, low)).astype(np.uint8)
    return FalseSample(clean, image, colour, sqrt(squared_budget))


def nearest_colour(image: UInt8Array) -> tuple[int, ...]:
    """The one colour with the smallest Euclidean distance from ``image``: in each channel the mean, rounded."""
    pixels = image.shape[0] * image.shape[1]
    sums = image.sum(axis=(0, 1), dtype=np.int64)
    return tuple(int(2 * total + pixels) // (2 * pixels) for total in sums)


def channel_sum_l2(image: UInt8Array, clean: UInt8Array) -> float:
    """The distance by the papers' other reading: a pixel counts with the sum of its channels' absolute changes."""
    change = np.abs(image.astype(np.int64) - clean.astype(np.int64)).sum(axis=-1)
    return sqrt(int((change**2).sum()))


def flattest(images: Iterable[UInt8Array]) -> list[int]:
    """Positions of ``images``, each H×W×C, the one nearest to a single colour first; equals in their order."""
    squares = [_squared_to(image, nearest_colour(image)) for image in images]
    return sorted(range(len(squares)), key=squares.__getitem__)


def _part(way: np.ndarray, steps: int) -> np.ndarray:
    """``steps`` of ``_STEPS`` parts of ``way`` (int64), each value rounded, halves away from zero."""
    sizes = (2 * steps * np.abs(way) + _STEPS) // (2 * _STEPS)
    moved: np.ndarray = np.sign(way) * sizes
    return moved


def _squared_to(image: UInt8Array, colour: tuple[int, ...]) -> int:
    return int(((image.astype(np.int64) - np.array(colour)) ** 2).sum())
