"""How AutoPGD steps in L∞ and L2: with momentum, and by halves where it no longer gets on.

Croce & Hein, "Reliable evaluation of adversarial robustness with an ensemble of diverse parameter-free attacks",
ICML 2020 (algorithm 1).
"""

from __future__ import annotations

from math import ceil

import torch
from torch import Tensor

from pixelproof.attacks.gradient.climb import Climb
from pixelproof.attacks.gradient.steepest import steepest
from pixelproof.attacks.norm_ball import NormBall

_MOMENTUM = 0.75  # α
_ENOUGH = 0.75  # ρ: the share of steps between two checkpoints that should lower the loss


class HalvingClimb(Climb):
    """A climb that begins with steps of 2ε.

    Of every sample: ``improved`` steps since the last checkpoint, the best loss then (``checked``), and whether its
    step was ``halved`` there.
    """

    def __init__(self, ball: NormBall, rows: Tensor, clean: Tensor, start: Tensor) -> None:
        super().__init__(ball, rows, clean, start, 2 * ball.epsilon / 255)
        self.improved = torch.zeros_like(self.loss)
        self.checked = self.loss
        self.halved = torch.ones_like(self.loss, dtype=torch.bool)  # so that condition 2 waits for a first checkpoint
        self._since = 0
        self._momentum = 1.0  # there is none in the first step

    def learn(self, loss: Tensor, gradient: Tensor) -> None:
        if self._since:
            self.improved = self.improved + (loss < self.loss)
        super().learn(loss, gradient)

    def advance(self) -> None:
        super().advance()
        self._since, self._momentum = self._since + 1, _MOMENTUM

    def _next(self) -> Tensor:
        ahead = self.ball.project(self.moved - self.step * steepest(self.gradient, self.ball.norm), self.clean)
        mixed = self.moved + self._momentum * (ahead - self.moved) + (1 - self._momentum) * (self.moved - self.before)
        return self.ball.project(mixed, self.clean)

    def adjust(self) -> None:
        too_few = self.improved < _ENOUGH * self._since  # condition 1
        no_gain = ~self.halved & (self.best_loss >= self.checked)  # condition 2
        self.halved = too_few | no_gain
        self.step = torch.where(self.halved[:, None, None, None], self.step / 2, self.step)
        self.return_to_best(self.halved)
        self.improved, self.checked, self._since = torch.zeros_like(self.improved), self.best_loss, 0

    @staticmethod
    def checkpoints(iterations: int) -> set[int]:
        """w_j = ⌈p_j·N⌉ with p₀ = 0, p₁ = 0.22, p_{j+1} = p_j + max(p_j − p_{j−1} − 0.03, 0.06); in hundredths here."""
        before, share, found = 0, 22, set()
        while share <= 100:
            found.add(ceil(share * iterations / 100))
            before, share = share, share + max(share - before - 3, 6)
        return found
