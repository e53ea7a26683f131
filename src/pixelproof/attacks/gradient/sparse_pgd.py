"""Sparse-PGD: projected gradient descent on which pixels change, and on how they do.

Zhong, Huang & Liu, "Towards Efficient Training and Evaluation of Robust Models against ℓ0 Bounded Adversarial
Perturbations", ICML 2024 (arXiv:2405.05075), algorithm 1. The change is δ = p ⊙ m: magnitudes p of every channel value,
and a mask m with a 1 at the k pixels where the continuous mask m̃ is largest.
"""

from dataclasses import dataclass
from math import sqrt

import torch
from torch import Tensor

from pixelproof.attacks.attack import Attack
from pixelproof.attacks.goal import Goal, log_odds
from pixelproof.attacks.oracle import Oracle
from pixelproof.attacks.pixel_ball import PixelBall, largest
from pixelproof.seeds import Streams
from pixelproof.units import to_8_bit

#: No step is taken along a gradient of the mask that is shorter than this.
_FLAT = 2e-10


@dataclass(frozen=True)
class SparsePGD(Attack):
    """At most ``pixels`` pixels change, to any colour: ``iterations`` steps on mask and magnitudes from a random start.

    Magnitudes step by ``step`` (in units of the whole grey scale) along the sign of their gradient, the continuous mask
    by ``mask_step`` × √(H·W) along its normalised one. ``projected`` lets only magnitudes under the mask have a
    gradient; otherwise all have, and those outside are ready when the mask comes to them. A mask that has chosen the
    same pixels for ``patience`` steps is drawn anew. 300 iterations are the default of the authors' code, whose readme
    evaluates with 10,000.
    """

    name = "sparse-pgd"
    positive = ("step", "mask_step", "iterations", "patience")

    pixels: int = 20
    step: float = 0.25
    mask_step: float = 0.25
    iterations: int = 300
    patience: int = 3
    projected: bool = False

    def __post_init__(self) -> None:
        PixelBall(self.pixels)
        super().__post_init__()

    @property
    def ball(self) -> PixelBall:
        return PixelBall(self.pixels)

    def __call__(self, oracle: Oracle, images: Tensor, goal: Goal, streams: Streams) -> Tensor:
        def loss(scores: Tensor, part: Tensor) -> Tensor:
            # Only its direction counts here. That is the one of cross-entropy, but never goes flat; the authors' code
            # has cross-entropy far from the boundary and the margin near it.
            return log_odds(goal.of(part), scores)

        found, rows, clean = images.clone(), goal.rows, images
        change = _inside(2 * streams.uniform(*images.shape[1:]) - 1, clean)
        mask, unchanged = streams.normal(*images.shape[2:]), torch.zeros_like(rows)
        for _ in range(self.iterations):
            chosen = largest(mask, self.pixels)
            moved = torch.where(chosen[:, None], (clean + change).clamp(0, 1), clean)  # x + p ⊙ m
            shown = to_8_bit(moved) if oracle.eight_bit else moved
            scores, gradient = oracle.gradient(shown, rows, loss)
            found[rows] = shown
            left = ~goal.of(rows).reached(scores)
            rows, clean, change, mask, chosen, unchanged, gradient = (
                each[left] for each in (rows, clean, change, mask, chosen, unchanged, gradient)
            )
            if not len(rows):
                break
            change, mask = self._stepped(change, mask, chosen, gradient, clean)
            same = (largest(mask, self.pixels) == chosen).flatten(1).all(1)
            unchanged = torch.where(same, unchanged + 1, 0)
            stuck = unchanged >= self.patience
            if bool(stuck.any()):
                mask[stuck] = streams.of(rows[stuck]).normal(*images.shape[2:])
                unchanged[stuck] = 0
        return found

    def _stepped(
        self, change: Tensor, mask: Tensor, chosen: Tensor, gradient: Tensor, clean: Tensor
    ) -> tuple[Tensor, Tensor]:
        """p and m̃ after a step down, by the ``gradient`` n×C×H×W of the loss at δ; m is ``chosen``, n×H×W bools."""
        share = mask.sigmoid()
        # Backwards through the choice of the largest as if it were not there: δ = p ⊙ sigmoid(m̃).
        slope = (gradient * change).sum(1) * share * (1 - share)
        length = slope.flatten(1).norm(dim=1)[:, None, None]
        stride = self.mask_step * sqrt(mask[0].numel()) * (length >= _FLAT)
        # Of the unprojected gradient of p, g ⊙ sigmoid(m̃), the sign is that of g.
        uphill = gradient.sign() * chosen[:, None] if self.projected else gradient.sign()
        return _inside(change - self.step * uphill, clean), mask - stride * slope / length.clamp(min=_FLAT)


def _inside(change: Tensor, clean: Tensor) -> Tensor:
    """``change`` n×C×H×W, cut so that added to ``clean`` it stays in [0, 1]."""
    return (clean + change).clamp(0, 1) - clean
