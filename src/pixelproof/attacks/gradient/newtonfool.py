"""NewtonFool: Newton's method for the root of the label's probability.

Jang, Wu & Jha, "Objective Metrics and Gradient Descent Algorithms for Adversarial Examples in Machine Learning",
ACSAC 2017.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from pixelproof.attacks.attack import Attack
from pixelproof.attacks.goal import Goal
from pixelproof.attacks.gradient.directions import steepest
from pixelproof.attacks.nearest import drawn_nearer
from pixelproof.attacks.oracle import Oracle
from pixelproof.errors import InputError
from pixelproof.seeds import Streams

#: How far below chance the label's probability is led; at chance, of two classes either may be answered.
_BEYOND = 1e-4


@dataclass(frozen=True)
class NewtonFool(Attack):
    """Up to ``iterations`` steps that lower the label's probability to chance, none longer than ``eta`` · ‖x‖₂.

    An image stops when it fools, where the paper takes all steps, and is then drawn back on the straight way to the
    clean one. Untargeted only: the call raises ``InputError`` for targets.
    """

    name = "newtonfool"
    positive = ("iterations", "eta")

    iterations: int = 100
    eta: float = 0.01

    def __call__(self, oracle: Oracle, images: Tensor, goal: Goal, streams: Streams) -> Tensor:
        if goal.targets is not None:
            raise InputError("newtonfool leads away from a class and cannot be targeted; use deepfool or cw-l2.")
        rows, found = goal.rows, images.clone()
        longest = self.eta * images.flatten(1).norm(dim=1)
        for _ in range(self.iterations):
            scores, gradient = oracle.gradient(found[rows], rows, lambda s, part: _log_odds(s, goal.labels[part]))
            going = ~goal.of(rows).reached(scores)
            rows, scores, gradient = rows[going], scores[going], gradient[going]
            if len(rows) == 0:
                break
            length = _newton(scores, gradient, goal.labels[rows]).minimum(longest[rows])  # algorithm 1, δ / ‖∇F‖
            found[rows] = (found[rows] - length[:, None, None, None] * steepest(gradient, "l2")).clamp(0, 1)
        return drawn_nearer(oracle, found, images, goal)


def _log_odds(scores: Tensor, labels: Tensor) -> Tensor:
    """log p/(1 − p) of each label's probability p, from log-scores n×K: n values.

    Its gradient ∇p/(p(1 − p)) points where ∇p does, and does not vanish where a softmax saturates.
    """
    here = labels[:, None]
    return scores.gather(1, here).squeeze(1) - scores.scatter(1, here, -torch.inf).logsumexp(1)


def _newton(scores: Tensor, gradient: Tensor, labels: Tensor) -> Tensor:
    """(p − 1/K)/‖∇p‖, n lengths, of the ``gradient`` n×C×H×W of the log-odds; a little more, to end beyond a tie."""
    odds = _log_odds(scores, labels)
    probability = odds.sigmoid()
    slope = probability * (-odds).sigmoid() * gradient.flatten(1).norm(dim=1)
    length: Tensor = (probability - 1 / scores.shape[1] + _BEYOND) / slope.clamp(min=1e-30)
    return length.float()
