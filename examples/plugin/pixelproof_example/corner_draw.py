"""Draws corners of the L∞ ball, and looks at answers alone."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from pixelproof.attacks.attack import BallAttack
from pixelproof.attacks.goal import Goal
from pixelproof.attacks.oracle import Oracle
from pixelproof.seeds import Streams


@dataclass(frozen=True)
class CornerDraw(BallAttack):
    """Up to ``queries`` random corners of the ball of radius ``epsilon``, in grey levels; the first that fools is kept.

    A corner moves every value of a block of ``block`` × ``block`` pixels by ``epsilon`` up or down.
    """

    name = "corner-draw"
    needs = "labels"
    positive = ("epsilon", "block", "queries")

    epsilon: float = 8
    block: int = 4
    queries: int = 20
    norm: Literal["linf"] = "linf"

    def __call__(self, oracle: Oracle, images: Tensor, goal: Goal, streams: Streams) -> Tensor:
        found, rows = images.clone(), goal.rows
        for _ in range(self.queries):
            if not len(rows):
                break
            tried = self._corners(images[rows], streams.of(rows))
            answers = oracle.labels(tried, rows)
            part = goal.of(rows)
            reached = answers != part.labels if part.targets is None else answers == part.targets
            found[rows] = tried
            rows = rows[~reached]
        return found

    def _corners(self, images: Tensor, streams: Streams) -> Tensor:
        channels, height, width = images.shape[1:]
        rows, columns = -(-height // self.block), -(-width // self.block)
        signs = torch.where(streams.uniform(channels, rows, columns) < 0.5, -1.0, 1.0)
        blocks = signs.repeat_interleave(self.block, 2).repeat_interleave(self.block, 3)[..., :height, :width]
        return self.ball.to_8_bit(images + blocks * self.epsilon / 255, images)
