"""Universal perturbation: one change for all images.

Moosavi-Dezfooli, Fawzi, Fawzi & Frossard, "Universal Adversarial Perturbations", CVPR 2017.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from pixelproof.attacks.attack import BallAttack
from pixelproof.attacks.goal import Goal
from pixelproof.attacks.gradient.directions import steepest
from pixelproof.attacks.oracle import Oracle
from pixelproof.errors import InputError
from pixelproof.seeds import Streams


@dataclass(frozen=True)
class Universal(BallAttack):
    """One perturbation of length ``epsilon``, in grey levels of ``norm``, that fools a share ``rate`` of all samples.

    The paper adds one image's nearest perturbation after the other to it (algorithm 1); here every iteration steps
    down the mean margin of all samples not yet fooled, which fools more at the same length. Steps of ``step`` × epsilon
    with momentum 0.9, at most ``iterations`` of them; the perturbation that fooled most is the one returned.
    """

    name = "universal"
    positive = ("rate", "iterations", "step")
    together = True

    epsilon: float = 10
    norm: Literal["linf", "l2"] = "linf"
    rate: float = 0.8
    iterations: int = 100
    step: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.norm not in ("linf", "l2") or self.rate > 1:
            raise InputError(
                f"universal needs the norm linf or l2 and a rate of at most 1, not {self.norm} and {self.rate:g}."
            )

    def __call__(self, oracle: Oracle, images: Tensor, goal: Goal, streams: Streams) -> Tensor:
        rows = goal.rows
        change = best = torch.zeros_like(images[:1])
        momentum, most = torch.zeros_like(change), -1
        for _ in range(self.iterations):
            tries = self.ball.project(images + change, images)
            scores, gradient = oracle.gradient(tries, rows, lambda s, part: goal.of(part).loss("margin", s))
            fooled = goal.reached(scores)
            if int(fooled.sum()) > most:
                best, most = change, int(fooled.sum())
            if most >= self.rate * len(images):
                break
            momentum = 0.9 * momentum + steepest(gradient[~fooled].mean(0, keepdim=True), "l2")
            change = self._within(change - steepest(momentum, self.norm) * self.step * self.epsilon / 255)
        return self.ball.project(images + best, images)

    def _within(self, change: Tensor) -> Tensor:
        radius = self.epsilon / 255
        if self.norm == "linf":
            return change.clamp(-radius, radius)
        inside: Tensor = change * (radius / change.norm().clamp(min=1e-12)).clamp(max=1)
        return inside
