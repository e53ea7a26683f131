"""EAD: the image nearest in a mix of L1 and squared L2.

Chen, Sharma, Zhang, Yi & Hsieh, "EAD: Elastic-Net Attacks to Deep Neural Networks via Adversarial Examples", AAAI 2018.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from pixelproof.attacks.attack import Attack
from pixelproof.attacks.goal import Goal
from pixelproof.attacks.oracle import Oracle
from pixelproof.errors import InputError
from pixelproof.seeds import Streams
from pixelproof.units import to_8_bit

Rule = Literal["en", "l1"]


@dataclass(frozen=True)
class ElasticNet(Attack):
    """Least c·max(margin, −``confidence``) + ‖δ‖₂² + ``beta``·‖δ‖₁ (eq. 7), with δ in units of the whole grey scale.

    FISTA with ``iterations`` of ``step`` (algorithm 1), for ``searches`` values of c from ``initial_c``: ten times
    more until one fools, then between. Of all images that fooled, the one of the least ‖δ‖₂² + beta·‖δ‖₁ (``rule``
    en) or ‖δ‖₁ (l1) is kept. The paper shrinks by beta in every step, which solves eq. (7) for beta / step; here the
    shrinkage is step × beta, which solves it for beta, and the default 0.1 is the paper's 0.001 at its step of 0.01.
    """

    name = "elastic-net"
    positive = ("beta", "initial_c", "searches", "iterations", "step")

    beta: float = 0.1
    rule: Rule = "en"
    confidence: float = 0
    initial_c: float = 1e-3
    searches: int = 9
    iterations: int = 100
    step: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.rule not in get_args(Rule) or not self.confidence >= 0:
            raise InputError(
                f"elastic-net needs the rule en or l1 and a confidence of at least 0, not {self.rule!r} and "
                f"{self.confidence:g}."
            )

    def __call__(self, oracle: Oracle, images: Tensor, goal: Goal, streams: Streams) -> Tensor:
        best, nearest = images.clone(), images.new_full((len(images),), torch.inf)
        c, low, high = (images.new_full((len(images),), v) for v in (self.initial_c, 0, torch.inf))
        for _ in range(self.searches):
            fooled = self._descend(oracle, images, goal, c, best, nearest)
            high = torch.where(fooled, c, high)
            low = torch.where(fooled, low, c)
            c = torch.where(high.isinf(), 10 * low, torch.where(low == 0, high / 10, (low * high).sqrt()))
        return best

    def _descend(self, oracle: Oracle, images: Tensor, goal: Goal, c: Tensor, best: Tensor, nearest: Tensor) -> Tensor:
        """One run of FISTA; updates ``best`` and ``nearest``, and answers which samples were fooled, N bools."""

        def loss(scores: Tensor, part: Tensor) -> Tensor:
            return c[part] * goal.of(part).loss("margin", scores).clamp(min=-self.confidence)

        rows, fooled = goal.rows, torch.zeros_like(goal.labels, dtype=torch.bool)
        x, y = images.clone(), images.clone()
        for k in range(self.iterations):
            clean = images[rows]
            scores, gradient = oracle.gradient(y[rows], rows, loss)
            seen = to_8_bit(y[rows]) if oracle.eight_bit else y[rows]
            aim = goal.of(rows)
            success = aim.reached(scores) & (aim.loss("margin", scores) <= -self.confidence)
            distance = self._distance(seen - clean, self.rule)
            closer = success & (distance < nearest[rows])
            best[rows[closer]], nearest[rows[closer]] = seen[closer], distance[closer]
            fooled[rows[success]] = True
            step = self.step * (1 - k / self.iterations) ** 0.5
            change = y[rows] - step * (gradient + 2 * (y[rows] - clean)) - clean
            new = (clean + _shrunk(change, step * self.beta)).clamp(0, 1)  # eq. 8
            y[rows], x[rows] = (new + k / (k + 3) * (new - x[rows])).clamp(0, 1), new
            # Where c is too small for a first step, it is for all.
            rows = rows[(y[rows] != clean).flatten(1).any(1)]
        return fooled

    def _distance(self, change: Tensor, rule: Rule) -> Tensor:
        flat = change.flatten(1)
        l1 = flat.abs().sum(1)
        return l1 if rule == "l1" else flat.square().sum(1) + self.beta * l1


def _shrunk(change: Tensor, by: float) -> Tensor:
    return change.sign() * (change.abs() - by).clamp(min=0)
