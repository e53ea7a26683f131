"""Only high probabilities are told: of the others a search learns nothing.

The defence that ART (Nicolae et al., "Adversarial Robustness Toolbox", 2018) calls HighConfidence; we know no paper.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from pixelproof.errors import InputError


@dataclass(frozen=True)
class HighConfidence:
    """Probabilities below ``cutoff`` are not told: the classes that they are of share what the others leave of 1.

    ART puts zeros in their place; here rows stay probabilities. Raises ``InputError`` for a ``cutoff`` that is not in
    (0, 1].
    """

    cutoff: float = 0.9

    differentiable: ClassVar[bool] = False  # flat where nothing is told

    def __post_init__(self) -> None:
        if not 0 < self.cutoff <= 1:
            raise InputError(f"A cutoff above 0 and up to 1 was expected, not {self.cutoff:g}; 0.9 is usual.")

    @property
    def name(self) -> str:
        return self.spec

    @property
    def spec(self) -> str:
        return f"high-confidence({self.cutoff:.12g})"

    def __call__(self, probabilities: Tensor, images: Tensor) -> Tensor:
        """``probabilities`` float64 N×K, the high ones as they are and the others alike."""
        high = probabilities >= self.cutoff
        rest = (1 - (probabilities * high).sum(1, keepdim=True)) / (~high).sum(1, keepdim=True).clamp(min=1)
        return torch.where(high, probabilities, rest)
