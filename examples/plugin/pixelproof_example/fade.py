"""Fades images to grey before the model sees them."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from pixelproof.errors import InputError


@dataclass(frozen=True)
class Fade:
    """Keeps a ``share`` of each value's distance to the mean of its pixel's channels; 1 changes nothing.

    Raises ``InputError`` for a ``share`` outside 0..1.
    """

    share: float = 0.5

    differentiable: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise InputError(f"fade: a share of 0 to 1 was expected, not {self.share:g}; 0.5 is usual.")

    @property
    def name(self) -> str:
        return self.spec

    @property
    def spec(self) -> str:
        return f"fade({self.share:g})"

    def __call__(self, images: Tensor) -> Tensor:
        """Images of the shape of ``images``, both float32 N×C×H×W in [0, 1]."""
        grey = images.mean(1, keepdim=True)
        return grey + self.share * (images - grey)
