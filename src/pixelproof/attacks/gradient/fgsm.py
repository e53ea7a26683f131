"""FGSM and FGM: one step along the gradient.

Goodfellow, Shlens & Szegedy, "Explaining and Harnessing Adversarial Examples", ICLR 2015; in other norms the step is
the steepest one of its length (fast gradient method).
"""

from dataclasses import dataclass

from torch import Tensor

from pixelproof.attacks.attack import BallAttack
from pixelproof.attacks.goal import Goal
from pixelproof.attacks.gradient.directions import steepest
from pixelproof.attacks.norm_ball import Norm
from pixelproof.attacks.oracle import Oracle
from pixelproof.seeds import Streams


@dataclass(frozen=True)
class FGSM(BallAttack):
    """One step of length ``epsilon``, in grey levels of ``norm``, that raises the loss most."""

    name = "fgsm"

    epsilon: float = 8
    norm: Norm = "linf"

    def __call__(self, oracle: Oracle, images: Tensor, goal: Goal, streams: Streams) -> Tensor:
        rows = goal.rows
        _, gradient = oracle.gradient(images, rows, lambda s, part: goal.of(part).loss("cross-entropy", s))
        return self.ball.project(images - steepest(gradient, self.norm) * self.epsilon / 255, images)
