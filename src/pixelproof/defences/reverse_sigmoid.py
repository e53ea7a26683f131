"""Reverse sigmoid: probabilities are bent so that who learns from them, or climbs by them, is led astray.

Lee, Edwards, Molloy & Su, "Defending Against Neural Network Model Stealing Attacks Using Deceptive Perturbations", IEEE
Security and Privacy Workshops 2019.
"""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from pixelproof.errors import InputError

_TINY = 1e-9  # as in ART; logits of probabilities stay within ±20.7


@dataclass(frozen=True)
class ReverseSigmoid:
    """Takes β(s(γ s⁻¹(y)) − ½) from every probability y, s being the sigmoid; ``beta`` is β, ``gamma`` γ.

    Confident answers look doubtful, and beyond a point the more so the surer they are. With both numbers at most 1 a
    class above ½ stays in first place; a lesser one may lose it to one that is next to impossible. Raises
    ``InputError`` for numbers out of range.
    """

    beta: float = 1.0
    gamma: float = 0.1

    differentiable: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not (0 < self.beta <= 1 and 0 < self.gamma <= 1):
            raise InputError(
                f"A reverse sigmoid with 0 < beta ≤ 1 and 0 < gamma ≤ 1 was expected, not {self.beta:g} and "
                f"{self.gamma:g}; 1 and 0.1 are usual."
            )

    @property
    def name(self) -> str:
        return "reverse-sigmoid" if self == ReverseSigmoid() else self.spec

    @property
    def spec(self) -> str:
        return f"reverse-sigmoid(beta={self.beta:.12g},gamma={self.gamma:.12g})"

    def __call__(self, probabilities: Tensor, images: Tensor) -> Tensor:
        """``probabilities`` float64 N×K, bent."""
        inside = probabilities.clamp(_TINY, 1 - _TINY)
        return probabilities - self.beta * ((self.gamma * inside.logit()).sigmoid() - 0.5)
