"""How AutoPGD steps in L1: sparsely, by as many values as its best image suggests, and exactly in ball and box.

Croce & Hein, "Mind the box: l1-APGD for sparse adversarial attacks on image classifiers", ICML 2021 (algorithm 1).
"""

from __future__ import annotations

import torch
from torch import Tensor

from pixelproof.attacks.gradient.climb import Climb
from pixelproof.attacks.gradient.sparse import sparse_descent
from pixelproof.attacks.norm_ball import NormBall

_FIRST_SHARE = 0.2  # of all values, moved in the first steps
_SPARSER = 1.5  # a step moves the best image's changed values divided by this; step lengths shrink by it, too
_SHORTEST = 0.1  # of the first step length, which is ε
_HALVINGS = 30  # of an interval below 1, which float32 tells apart no further


class L1Climb(Climb):
    """A climb with steps of ε at first. Of every sample: ``support``, how many values its best image had changed at the
    last checkpoint, and ``values``, how many a step moves."""

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
