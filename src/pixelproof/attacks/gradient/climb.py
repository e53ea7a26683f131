"""What AutoPGD remembers of every sample under way; how it steps and when it slows down is up to the norm."""

from __future__ import annotations

from abc import ABC, abstractmethod
from copy import copy
from typing import Self

import torch
from torch import Tensor

from pixelproof.attacks.norm_ball import NormBall


class Climb(ABC):
    """n samples on their way, by their ``rows``; losses are to be lowered, lengths are in [0, 1] units of the norm.

    Every tensor has n rows: ``clean`` images, ``moved`` x⁽ᵏ⁾ and ``before`` x⁽ᵏ⁻¹⁾, the ``loss`` and ``gradient`` at
    x⁽ᵏ⁾, ``best`` x_max with its own two, and the ``step`` η, n×1×1×1.
    """

    def __init__(self, ball: NormBall, rows: Tensor, clean: Tensor, start: Tensor, step: float) -> None:
        self.ball, self.rows, self.clean = ball, rows, clean
        self.moved = self.before = self.best = start
        self.loss = self.best_loss = torch.full((len(rows),), torch.inf, device=clean.device)
        self.gradient = self.best_gradient = torch.zeros_like(clean)
        self.step = torch.full((len(rows), 1, 1, 1), step, device=clean.device)

    def of(self, keep: Tensor) -> Self:
        """The samples for which ``keep`` (n bools) holds."""
        part = copy(self)
        for name, value in vars(self).items():
            if isinstance(value, Tensor):
                setattr(part, name, value[keep])
        return part

    def learn(self, loss: Tensor, gradient: Tensor) -> None:
        """Take in what the model says at x⁽ᵏ⁾ (algorithm 1, lines 8 to 11)."""
        better = loss < self.best_loss
        wide = better[:, None, None, None]
        self.best = torch.where(wide, self.moved, self.best)
        self.best_gradient = torch.where(wide, gradient, self.best_gradient)
        self.best_loss = torch.where(better, loss, self.best_loss)
        self.loss, self.gradient = loss, gradient

    def advance(self) -> None:
        """Go from x⁽ᵏ⁾ to x⁽ᵏ⁺¹⁾."""
        self.before, self.moved = self.moved, self._next()

    def return_to_best(self, back: Tensor) -> None:
        """Put the samples for which ``back`` (n bools) holds back to their best image."""
        wide = back[:, None, None, None]
        self.moved = torch.where(wide, self.best, self.moved)
        self.gradient = torch.where(wide, self.best_gradient, self.gradient)

    @staticmethod
    @abstractmethod
    def checkpoints(iterations: int) -> set[int]:
        """The iterations after which ``adjust`` is called, of ``iterations`` in all."""

    @abstractmethod
    def adjust(self) -> None:
        """Choose the next step lengths."""

    @abstractmethod
    def _next(self) -> Tensor:
        """x⁽ᵏ⁺¹⁾ in the ball."""
