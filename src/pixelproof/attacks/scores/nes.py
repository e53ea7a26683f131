"""NES: a gradient estimated from the scores of random pairs around the image, and steps along its sign.

A. Ilyas, L. Engstrom, A. Athalye, J. Lin, "Black-box Adversarial Attacks with Limited Queries and Information", ICML
2018; algorithm 1 and the query-limited attack.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from pixelproof.attacks.attack import BallAttack
from pixelproof.attacks.goal import Goal
from pixelproof.attacks.oracle import Oracle
from pixelproof.errors import InputError
from pixelproof.seeds import Streams

MOMENTUM = 0.9  # the authors' (table of hyperparameters)


@dataclass(frozen=True)
class NES(BallAttack):
    """Sign steps of ``step`` grey levels inside the box of ``epsilon``, along estimates from ``samples`` queries each.

    ``sigma`` is the size of the random pairs in grey levels a value. The authors' 0.001 (a quarter of a grey level)
    is lost in 8 bits, hence 1. The loss is the margin, which does not go flat where a softmax saturates. ``queries`` of
    a sample at most.
    """

    name = "nes"
    needs = "scores"
    norm = "linf"
    positive = ("samples", "sigma", "step", "queries")

    epsilon: float = 8
    samples: int = 50
    sigma: float = 1
    step: float = 1
    queries: int = 5000

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.samples % 2:
            raise InputError(f"nes needs an even number of samples, since they come in pairs, not {self.samples}.")

    def __call__(self, oracle: Oracle, images: Tensor, goal: Goal, streams: Streams) -> Tensor:
        rows, now = goal.rows, images
        slope = torch.zeros_like(images)
        found = images.clone()
        for _ in range(self.queries // (self.samples + 1)):
            seen = self.ball.to_8_bit(now, images[rows]) if oracle.eight_bit else now
            going = ~goal.of(rows).reached(oracle.log_scores(seen, rows))
            rows, now, slope = rows[going], now[going], slope[going]
            if not len(rows):
                break
            slope = MOMENTUM * slope + (1 - MOMENTUM) * self._estimate(oracle, now, goal, rows, streams.of(rows))
            now = self.ball.project(now - slope.sign() * self.step / 255, images[rows])
            found[rows] = now
        return found

    def _estimate(self, oracle: Oracle, images: Tensor, goal: Goal, rows: Tensor, streams: Streams) -> Tensor:
        """The slope of the loss at ``images`` from antithetic pairs (algorithm 1), up to a constant factor."""
        noise = streams.normal(self.samples // 2, *images.shape[1:])
        pairs = torch.stack([noise, -noise], 1) * self.sigma / 255
        asked = (images[:, None, None] + pairs).clamp(0, 1)
        each = rows.repeat_interleave(self.samples)
        loss = goal.of(each).loss("margin", oracle.log_scores(asked.flatten(0, 2), each)).view(len(rows), 2, -1)
        return ((loss[:, 0] - loss[:, 1])[:, :, None, None, None] * noise).mean(1)
