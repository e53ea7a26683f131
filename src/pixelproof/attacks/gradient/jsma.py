"""JSMA: the two most salient channel values at a time are driven towards black or white.

Papernot, McDaniel, Jha, Fredrikson, Celik & Swami, "The Limitations of Deep Learning in Adversarial Settings", Euro S&P
2016. The saliency of a pair is −α·β where α > 0 > β (algorithm 3), α being the pair's slope of the wanted class's
output and β that of all others together. Outputs are probabilities here: they sum to 1, so β = −α, and the pair of the
highest saliency is exactly the two values of the highest slopes. One gradient finds it, and no search over pairs.
"""

from dataclasses import dataclass
from math import isfinite

import torch
from torch import Tensor

from pixelproof.attacks.attack import Attack
from pixelproof.attacks.goal import Goal, log_odds
from pixelproof.attacks.oracle import Oracle
from pixelproof.errors import InputError
from pixelproof.seeds import Streams


@dataclass(frozen=True)
class JSMA(Attack):
    """Steps of ``theta`` grey levels, up or (below 0) down, on at most a share ``gamma`` of all channel values.

    ``at_once`` is how many values a step changes: 2 are the paper's pairs, 1 its simpler map (eq. 8). The paper always
    names a target; without one, all classes but the label are wanted.
    """

    name = "jsma"
    nearest_in = "l0"

    theta: float = 255
    gamma: float = 0.145
    at_once: int = 2

    def __post_init__(self) -> None:
        if not isfinite(self.theta) or self.theta == 0:
            raise InputError(f"jsma needs a theta above or below 0, in grey levels, not {self.theta:g}.")
        if not 0 < self.gamma <= 1 or self.at_once not in (1, 2):
            raise InputError(
                f"jsma needs a gamma above 0 and at most 1, and an at_once of 1 or 2, not {self.gamma:g} and "
                f"{self.at_once}."
            )

    def __call__(self, oracle: Oracle, images: Tensor, goal: Goal, streams: Streams) -> Tensor:
        values, rows = images.flatten(1).clone(), goal.rows
        changed = torch.zeros_like(values, dtype=torch.bool)
        while len(rows):
            asked = values[rows].view(-1, *images.shape[1:])
            scores, gradient = oracle.gradient(asked, rows, lambda s, part: -log_odds(goal.of(part), s))
            going = ~goal.of(rows).reached(scores)
            slopes = gradient[going].flatten(1) * (1 if self.theta > 0 else -1)
            rows = rows[going]
            free = self._free(values[rows], changed[rows])
            slope, place = slopes.masked_fill(~free, -torch.inf).topk(self.at_once, 1)
            salient = slope > 0
            there = (rows[:, None], place)
            values[there] = (values[there] + salient * self.theta / 255).clamp(0, 1)
            changed[there] |= salient
            rows = rows[salient.any(1)]
        return values.view_as(images)

    def _free(self, values: Tensor, changed: Tensor) -> Tensor:
        """Which of ``values`` n×D may still move: none at the end of the scale, no new ones once ``gamma`` is used."""
        used_up = changed.sum(1, keepdim=True) + self.at_once > self.gamma * values.shape[1]
        inside = values < 1 if self.theta > 0 else values > 0
        return inside & (changed | ~used_up)
