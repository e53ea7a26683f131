"""How AutoPGD climbs: what it remembers of every sample under way, and how it steps and slows down in each norm.

Croce & Hein, "Reliable evaluation of adversarial robustness with an ensemble of diverse parameter-free attacks",
ICML 2020 (algorithm 1); in L1, Croce & Hein, "Mind the box: l1-APGD for sparse adversarial attacks on image
classifiers", ICML 2021 (algorithm 1).
"""

from abc import ABC, abstractmethod
from copy import copy
from math import ceil
from typing import Self

import torch
from torch import Tensor

from pixelproof.attacks.gradient.directions import sparse_descent, steepest
from pixelproof.attacks.norm_ball import NormBall

#: In L∞ and L2.
_MOMENTUM = 0.75  # α
_ENOUGH = 0.75  # ρ: the share of steps between two checkpoints that should lower the loss
#: In L1.
_FIRST_SHARE = 0.2  # of all values, moved in the first steps
_SPARSER = 1.5  # a step moves the best image's changed values divided by this; step lengths shrink by it, too
_SHORTEST = 0.1  # of the first step length, which is ε
_HALVINGS = 30  # of an interval below 1, which float32 tells apart no further


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


class HalvingClimb(Climb):
    """A climb in L∞ and L2, with momentum, that begins with steps of 2ε and halves them where it no longer gets on.

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


class L1Climb(Climb):
    """A climb in L1, exactly in ball and box, with steps of ε at first.

    Of every sample: ``support``, how many values its best image had changed at the last checkpoint, and ``values``, how
    many a step moves.
    """

    def __init__(self, ball: NormBall, rows: Tensor, clean: Tensor, start: Tensor) -> None:
        super().__init__(ball, rows, clean, start, ball.epsilon / 255)
        self.support = _changed(start, clean)
        self.values = (self.support / _SPARSER).clamp(1, max(1, _FIRST_SHARE * clean[0].numel()))

    def _next(self) -> Tensor:
        ahead = self.moved + self.step * sparse_descent(self.gradient, self.moved, self.values)
        return l1_box_projection(ahead, self.clean, self.ball.epsilon / 255)

    def adjust(self) -> None:
        support, longest = _changed(self.best, self.clean), self.ball.epsilon / 255
        sparser = support < 0.95 * self.support
        shorter = (self.step / _SPARSER).clamp(min=_SHORTEST * longest)
        self.step = shorter.masked_fill(sparser[:, None, None, None], longest)
        self.return_to_best(sparser)
        self.support, self.values = support, (support / _SPARSER).clamp(min=1)

    @staticmethod
    def checkpoints(iterations: int) -> set[int]:
        """Every 4 % of them."""
        every = max(1, int(0.04 * iterations))
        return set(range(every, iterations + 1, every))


def l1_box_projection(images: Tensor, clean: Tensor, radius: float) -> Tensor:
    """The nearest images to ``images`` that lie in [0, 1] and within L1 ``radius`` of ``clean`` (proposition 2.1).

    All changes shrink by one amount and are then cut where the box ends; halving intervals finds the least such amount.
    """
    change = (images - clean).flatten(1)
    here, size = clean.flatten(1), change.abs()
    room = torch.where(change > 0, 1 - here, here)
    shrink, width = size.amax(1, keepdim=True), size.amax(1, keepdim=True)
    for _ in range(_HALVINGS):
        width = width / 2
        less = shrink - width
        inside = (size - less).clamp(min=0).minimum(room).sum(1, keepdim=True) <= radius
        shrink = torch.where(inside, less, shrink)
    shrink = shrink.masked_fill(size.minimum(room).sum(1, keepdim=True) <= radius, 0)
    kept = change.sign() * (size - shrink).clamp(min=0).minimum(room)
    return (clean + kept.view_as(clean)).clamp(0, 1)


def _changed(images: Tensor, clean: Tensor) -> Tensor:
    return ((images - clean).flatten(1) != 0).sum(1).float()
