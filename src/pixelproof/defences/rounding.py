"""Rounded probabilities: small changes of an image change nothing that a search could climb by.

Tramèr et al., "Stealing Machine Learning Models via Prediction APIs", USENIX Security 2016.
"""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from pixelproof.errors import InputError


@dataclass(frozen=True)
class Rounding:
    """Probabilities to ``decimals`` places, halves to even. Raises ``InputError`` for ``decimals`` outside 1..9."""

    decimals: int = 2

    differentiable: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not 1 <= self.decimals <= 9:
            raise InputError(f"Rounding to 1 to 9 decimals was expected, not {self.decimals}; choose one of these.")

    @property
    def name(self) -> str:
        return self.spec

    @property
    def spec(self) -> str:
        return f"round({self.decimals})"

    def __call__(self, probabilities: Tensor, images: Tensor) -> Tensor:
        """``probabilities`` float64 N×K, rounded."""
        return probabilities.round(decimals=self.decimals)
