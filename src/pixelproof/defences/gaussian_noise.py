"""Gaussian noise on the image: a small perturbation drowns in a larger one that the attacker cannot foresee.

Cohen, Rosenfeld & Kolter, "Certified Adversarial Robustness via Randomized Smoothing", ICML 2019, make a certificate of
it by voting over many draws; here it is one draw an image.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from torch import Tensor

from pixelproof.defences.preprocessor import require_seed
from pixelproof.errors import InputError
from pixelproof.image_draws import normal_draws


@dataclass(frozen=True)
class GaussianNoise:
    """Adds normal noise of standard deviation ``sigma``, in grey levels, to every value, then cuts to [0, 1].

    The noise follows from ``seed`` and the image in 8 bits, as what ``TotalVariation`` drops does: the same image
    always gets the same answer, and one changed by a grey level gets unrelated noise. Gradients take the noise for a
    constant. Raises ``InputError`` for numbers out of range.
    """

    sigma: float = 8.0
    seed: int = 0

    differentiable: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not 0 < self.sigma <= 255:
            raise InputError(
                f"Noise with 0 < sigma ≤ 255 was expected, not {self.sigma:g}; it is in grey levels, so 8 is 8/255."
            )
        require_seed(self.seed)

    @property
    def name(self) -> str:
        return self.spec if self.seed else f"noise({self.sigma:.12g})"

    @property
    def spec(self) -> str:
        return f"noise(sigma={self.sigma:.12g},seed={self.seed})"

    def with_seed(self, seed: int) -> GaussianNoise:
        """The same with other draws."""
        return replace(self, seed=seed)

    def __call__(self, images: Tensor) -> Tensor:
        """``images`` float32 N×C×H×W in [0, 1], with noise."""
        noise = normal_draws(images, images[0].numel(), self.seed).view(images.shape)
        return (images + noise * (self.sigma / 255)).clamp(0, 1)
