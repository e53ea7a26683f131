"""Images that are read when they are asked for, where all at once would not fit into memory."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

#: Bytes of pixels that are held; the images of a bigger set are read whenever they are asked for.
HELD = 256 * 2**20


def fits(shape: Sequence[int]) -> bool:
    """Whether images uint8 of ``shape`` are few or small enough to be held."""
    return prod(shape) <= HELD


@dataclass(frozen=True, eq=False)
class LazyImages:
    """Stands where an array uint8 N×H×W×C would; only what is asked for is read, and nothing of it is kept.

    ``read`` gives the image uint8 H×W×C at a position in the source, of which these are those at ``positions``
    (int64 N). A number, a slice or a list of numbers in brackets gives arrays, as of an array.
    """

    read: Callable[[int], npt.NDArray[np.uint8]]
    positions: npt.NDArray[np.int64]
    size: tuple[int, int, int]  # H, W, C

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """N, H, W and C."""
        return len(self.positions), *self.size

    def __len__(self) -> int:
        return len(self.positions)

    def __getitem__(self, key: int | slice | Sequence[int] | npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        chosen = self.positions[key]
        if isinstance(chosen, np.integer):
            return self.read(int(chosen))
        found = np.empty((len(chosen), *self.size), np.uint8)
        for place, position in zip(found, chosen.tolist(), strict=True):
            place[...] = self.read(position)
        return found

    def __iter__(self) -> Iterator[npt.NDArray[np.uint8]]:
        return map(self.read, self.positions.tolist())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        """All of them, for what needs them so."""
        return self[:] if dtype is None else self[:].astype(dtype)

    def take(self, key: slice | Sequence[int] | npt.NDArray[np.int64]) -> "LazyImages":
        """Those at ``key``, unread."""
        return LazyImages(self.read, self.positions[key], self.size)
