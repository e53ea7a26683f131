"""Noise on the probabilities: a search that compares two of them compares noise.

The defence that ART (Nicolae et al., "Adversarial Robustness Toolbox", 2018) calls GaussianNoise, drawn once an image.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from torch import Tensor

from pixelproof.defences.preprocessor import require_seed
from pixelproof.errors import InputError
from pixelproof.image_draws import normal_draws

_STREAM = 2**61  # so that noise on the image with the same seed is other noise


@dataclass(frozen=True)
class OutputNoise:
    """Adds normal noise of standard deviation ``sigma`` to every probability; what falls below 0 is 0.

    The noise follows from ``seed`` and the image in 8 bits, as that of ``GaussianNoise`` does. It may change the
    answer. Raises ``InputError`` for numbers out of range.
    """

    sigma: float = 0.1
    seed: int = 0

    differentiable: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not 0 < self.sigma <= 1:
            raise InputError(f"Noise on probabilities with 0 < sigma ≤ 1 was expected, not {self.sigma:g}.")
        require_seed(self.seed)

    @property
    def name(self) -> str:
        return self.spec if self.seed else f"output-noise({self.sigma:.12g})"

    @property
    def spec(self) -> str:
        return f"output-noise(sigma={self.sigma:.12g},seed={self.seed})"

    def with_seed(self, seed: int) -> OutputNoise:
        """The same with other draws."""
        return replace(self, seed=seed)

    def __call__(self, probabilities: Tensor, images: Tensor) -> Tensor:
        """``probabilities`` float64 N×K, with noise."""
        noise = normal_draws(images, probabilities.shape[1], self.seed ^ _STREAM)
        return probabilities + self.sigma * noise.double()
