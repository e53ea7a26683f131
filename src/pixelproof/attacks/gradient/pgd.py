"""PGD: projected gradient descent from a random start.

Madry, Makelov, Schmidt, Tsipras & Vladu, "Towards Deep Learning Models Resistant to Adversarial Attacks", ICLR 2018.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from pixelproof.attacks.attack import BallAttack
from pixelproof.attacks.goal import Goal
from pixelproof.attacks.gradient.directions import sparse_descent, steepest
from pixelproof.attacks.norm_ball import Norm, random_start
from pixelproof.attacks.oracle import Oracle
from pixelproof.seeds import Streams

#: The share of channel values that a step in L1 moves (Tramèr & Boneh, 2019: those above the 99th percentile).
_L1_SHARE = 0.01


@dataclass(frozen=True)
class PGD(BallAttack):
    """``iterations`` steps of length ``step``, each the steepest of its length, kept within ``epsilon``.

    Both lengths are in grey levels of ``norm``; a ``step`` of None is a quarter of ``epsilon``. In L1 a step is spread
    over 1 % of the values. What is not fooled begins again up to ``restarts`` times in all, from another random start.
    """

    name = "pgd"
    positive = ("epsilon", "step", "iterations", "restarts")

    norm: Norm = "linf"
    epsilon: float = 8
    step: float | None = None
    iterations: int = 20
    restarts: int = 1
    random_start: bool = True

    @property
    def _length(self) -> float:
        return self.epsilon / 4 if self.step is None else self.step

    def __call__(self, oracle: Oracle, images: Tensor, goal: Goal, streams: Streams) -> Tensor:
        found, rows = images.clone(), goal.rows
        for _ in range(self.restarts):
            if len(rows):
                rows = self._descend(oracle, images, goal, rows, streams, found)
        return found

    def _descend(
        self, oracle: Oracle, images: Tensor, goal: Goal, rows: Tensor, streams: Streams, found: Tensor
    ) -> Tensor:
        """One descent for ``rows``, whose images are put into ``found``; the rows that it has not fooled."""
        clean = images[rows]
        moved = random_start(clean, self.ball, streams.of(rows)) if self.random_start else clean
        for _ in range(self.iterations):
            shown = self.ball.to_8_bit(moved, clean) if oracle.eight_bit else moved
            scores, gradient = oracle.gradient(shown, rows, lambda s, part: goal.of(part).loss("cross-entropy", s))
            left = ~goal.of(rows).reached(scores)
            found[rows] = shown
            rows, clean, moved, gradient = rows[left], clean[left], moved[left], gradient[left]
            if not len(rows):
                return rows
            moved = self.ball.project(moved + self._direction(gradient, moved) * self._length / 255, clean)
        shown = self.ball.to_8_bit(moved, clean) if oracle.eight_bit else moved
        found[rows] = shown
        return rows[~goal.of(rows).reached(oracle.log_scores(shown, rows))]

    def _direction(self, gradient: Tensor, images: Tensor) -> Tensor:
        if self.norm != "l1":
            return -steepest(gradient, self.norm)
        values = max(1, round(_L1_SHARE * gradient[0].numel()))
        return sparse_descent(gradient, images, torch.full((len(gradient),), values, device=gradient.device))
