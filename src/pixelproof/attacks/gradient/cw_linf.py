"""Carlini & Wagner's attack in L∞.

Carlini & Wagner, "Towards Evaluating the Robustness of Neural Networks", IEEE S&P 2017, section VI-C.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from pixelproof.attacks.attack import Attack
from pixelproof.attacks.goal import Goal
from pixelproof.attacks.gradient.adam import Adam
from pixelproof.attacks.nearest import Nearest, drawn_nearer
from pixelproof.attacks.oracle import Oracle
from pixelproof.errors import InputError
from pixelproof.seeds import Streams


@dataclass(frozen=True)
class CWLinf(Attack):
    """The least f₆(x + δ), by Adam, with no value of δ beyond a limit τ that shrinks whenever the image fools.

    τ becomes ``decrease`` times the ‖δ‖∞ that fooled; an image is done when ``iterations`` steps in a row have not
    fooled within τ by a margin of ``confidence`` (in logits). Unlike the paper, which punishes Σ max(|δ| − τ, 0) and
    searches a weight c of f₆ for every τ, δ is projected into its box after each step (the first of the three ways of
    section V-B): there is no c, and the search goes on where the last τ left it. A ``learning_rate`` of 1 is τ.
    """

    name = "cw-linf"
    nearest_in = "linf"
    positive = ("iterations", "learning_rate")

    confidence: float = 0
    iterations: int = 100
    learning_rate: float = 0.1
    decrease: float = 0.95

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.confidence >= 0:
            raise InputError(f"cw-linf needs a confidence of 0 or more, not {self.confidence:g}.")
        if not 0 < self.decrease < 1:
            raise InputError(f"cw-linf needs a decrease between 0 and 1, not {self.decrease:g}.")

    def __call__(self, oracle: Oracle, images: Tensor, goal: Goal, streams: Streams) -> Tensor:
        best = Nearest(oracle, images, goal, "linf", confidence=self.confidence)
        rows = goal.rows
        rows = rows[~best.offer(images, rows, oracle.log_scores(images, rows))]
        limits, failures = torch.ones(len(rows), device=images.device), torch.zeros_like(rows)
        shares = torch.zeros_like(images[rows])  # δ / τ
        adam = Adam(shares)
        while len(rows):
            inside = (images[rows] + limits[:, None, None, None] * shares).clamp(0, 1)
            scores, gradient = oracle.gradient(inside, rows, lambda s, part: goal.of(part).loss("margin", s))
            shares = (shares + adam(gradient, self.learning_rate)).clamp(-1, 1)
            fooling = best.offer(inside, rows, scores)
            limits = torch.where(fooling, self._tighter(best.distances[rows], oracle.eight_bit), limits)
            failures = torch.where(fooling, 0, failures + 1)
            going = (failures < self.iterations) & (limits > 0)
            rows, limits, failures, shares = rows[going], limits[going], failures[going], shares[going]
            adam.keep(going)
        return drawn_nearer(oracle, best.images, images, goal, self.confidence)

    def _tighter(self, distances: Tensor, eight_bit: bool) -> Tensor:
        """The next limits after images at ``distances``; whole grey levels where the model sees nothing else."""
        limits = self.decrease * distances
        return (limits * 255).floor() / 255 if eight_bit else limits
