"""BIM: many small steps of FGSM, also called I-FGSM.

Kurakin, Goodfellow & Bengio, "Adversarial examples in the physical world", ICLR 2017 workshop.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from pixelproof.attacks.attack import Attack, require_positive
from pixelproof.attacks.goal import Goal
from pixelproof.attacks.gradient.pgd import PGD
from pixelproof.attacks.norm_ball import NormBall
from pixelproof.attacks.oracle import Oracle
from pixelproof.seeds import Streams


@dataclass(frozen=True)
class BIM(Attack):
    """``iterations`` signed steps of ``step`` from the image itself, at most ``epsilon`` away (both in grey levels)."""

    name: ClassVar[str] = "bim"

    epsilon: float = 8
    step: float = 2
    iterations: int = 10

    def __post_init__(self) -> None:
        NormBall("linf", self.epsilon)
        require_positive(self.name, step=self.step, iterations=self.iterations)

    @property
    def ball(self) -> NormBall:
        return NormBall("linf", self.epsilon)

    def __call__(self, oracle: Oracle, images: Tensor, goal: Goal, streams: Streams) -> Tensor:
        descent = PGD("linf", self.epsilon, self.step, self.iterations, random_start=False)
        return descent(oracle, images, goal, streams)
