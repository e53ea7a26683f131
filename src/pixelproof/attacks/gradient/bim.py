"""BIM: many small steps of FGSM, also called I-FGSM.

Kurakin, Goodfellow & Bengio, "Adversarial examples in the physical world", ICLR 2017 workshop.
"""

from dataclasses import dataclass

from torch import Tensor

from pixelproof.attacks.attack import BallAttack
from pixelproof.attacks.goal import Goal
from pixelproof.attacks.gradient.pgd import PGD
from pixelproof.attacks.oracle import Oracle
from pixelproof.seeds import Streams


@dataclass(frozen=True)
class BIM(BallAttack):
    """``iterations`` signed steps of ``step`` from the image itself, at most ``epsilon`` away (both in grey levels)."""

    name = "bim"
    norm = "linf"
    positive = ("step", "iterations")

    epsilon: float = 8
    step: float = 2
    iterations: int = 10

    def __call__(self, oracle: Oracle, images: Tensor, goal: Goal, streams: Streams) -> Tensor:
        descent = PGD("linf", self.epsilon, self.step, self.iterations, random_start=False)
        return descent(oracle, images, goal, streams)
