"""Feature squeezing: fewer grey levels and smoother images leave an attacker less to change.

Xu, Evans & Qi, "Feature Squeezing: Detecting Adversarial Examples in Deep Neural Networks", NDSS 2018.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from pixelproof.errors import InputError


@dataclass(frozen=True)
class BitDepth:
    """Every value to the nearest of 2^bits levels between 0 and 1 (section III-A; 5 bits is theirs for CIFAR-10).

    Halves, which no 8-bit image meets, go to the even level. Raises ``InputError`` for ``bits`` outside 1..8.
    """

    bits: int = 5

    differentiable: ClassVar[bool] = False  # the gradient of a rounding is 0

    def __post_init__(self) -> None:
        if not 1 <= self.bits <= 8:
            raise InputError(f"A bit depth of 1 to 8 bits was expected, not {self.bits}; choose one of these.")

    @property
    def name(self) -> str:
        return self.spec

    @property
    def spec(self) -> str:
        return f"bits({self.bits})"

    def __call__(self, images: Tensor) -> Tensor:
        """``images`` float32 N×C×H×W in [0, 1], rounded."""
        steps = 2**self.bits - 1
        return torch.round(images * steps).div(steps)


@dataclass(frozen=True)
class MedianFilter:
    """Every value replaced by the median of the size×size window around it in its channel (section III-B).

    As in theirs, which calls SciPy: a window of even size reaches one further up and left, of an even number of values
    the larger middle one counts, and beyond the edges the image is mirrored, the edge itself repeated. 2×2 is theirs
    for CIFAR-10. Raises ``InputError`` for ``size`` outside 2..9.
    """

    size: int = 2

    differentiable: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not 2 <= self.size <= 9:
            raise InputError(f"A median filter of size 2 to 9 was expected, not {self.size}; choose one of these.")

    @property
    def name(self) -> str:
        return self.spec

    @property
    def spec(self) -> str:
        return f"median({self.size})"

    def __call__(self, images: Tensor) -> Tensor:
        """``images`` float32 N×C×H×W in [0, 1], filtered."""
        height, width = images.shape[2:]
        rows, columns = self._mirrored(height, images.device), self._mirrored(width, images.device)
        wide = images[:, :, rows][..., columns]
        window = [
            wide[:, :, top : top + height, left : left + width] for top in range(self.size) for left in range(self.size)
        ]
        return _ranked(window, len(window) // 2)

    def _mirrored(self, length: int, device: torch.device) -> Tensor:
        """Where the ``length`` + size − 1 values come from that a line is widened to, before it and after it."""
        before = self.size // 2
        place = torch.arange(-before, length + self.size - 1 - before, device=device) % (2 * length)
        return torch.minimum(place, 2 * length - 1 - place)


def _ranked(values: list[Tensor], rank: int) -> Tensor:
    """At each position the value that ``rank`` of ``values`` come before in ascending order: bubble sort's last passes.

    A few minima and maxima of whole images are much faster than sorting at every position.
    """
    for last in range(len(values) - 1, rank - 1, -1):
        for i in range(last):
            one, other = values[i], values[i + 1]
            values[i], values[i + 1] = torch.minimum(one, other), torch.maximum(one, other)
    return values[rank]
