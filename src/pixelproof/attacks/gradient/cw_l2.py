"""Carlini & Wagner's attack in L2.

Carlini & Wagner, "Towards Evaluating the Robustness of Neural Networks", IEEE S&P 2017, sections V and VI-A.
"""

from dataclasses import dataclass
from math import ceil

import torch
from torch import Tensor

from pixelproof.attacks.attack import Attack
from pixelproof.attacks.goal import Goal
from pixelproof.attacks.gradient.adam import Adam
from pixelproof.attacks.nearest import Nearest, drawn_nearer
from pixelproof.attacks.oracle import Oracle
from pixelproof.errors import InputError
from pixelproof.seeds import Streams

#: A tenth of a descent that leaves the mean loss above this share of the one before ends it.
_PROGRESS = 0.99


@dataclass(frozen=True)
class CWL2(Attack):
    """The least ‖δ‖² + c · f₆(x + δ), by Adam from the clean image, with c found by ``binary_search_steps`` trials.

    c starts at ``initial_constant``, grows tenfold until the image fools with a margin of ``confidence`` (in logits),
    and is then halved in on. A descent takes up to ``iterations`` steps (1,000; the paper has 10,000), and ends once a
    tenth of them has not lowered the loss. Unlike the paper's, the ``learning_rate`` falls evenly to zero, which comes
    nearer in fewer steps.
    """

    name = "cw-l2"
    positive = ("binary_search_steps", "iterations", "learning_rate", "initial_constant")

    confidence: float = 0
    binary_search_steps: int = 9
    iterations: int = 1000
    learning_rate: float = 0.01
    initial_constant: float = 1e-3

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.confidence >= 0:
            raise InputError(f"cw-l2 needs a confidence of 0 or more, not {self.confidence:g}.")

    def __call__(self, oracle: Oracle, images: Tensor, goal: Goal, streams: Streams) -> Tensor:
        best = Nearest(oracle, images, goal, "l2", confidence=self.confidence)
        rows = goal.rows
        rows = rows[~best.offer(images, rows, oracle.log_scores(images, rows))]
        constants = torch.full_like(best.distances, self.initial_constant)
        lower, upper = torch.zeros_like(constants), torch.full_like(constants, torch.inf)
        for _ in range(self.binary_search_steps):
            if len(rows) == 0:
                break
            fooling = self._descend(oracle, best, goal, constants, rows)
            upper[rows] = torch.where(fooling, constants[rows], upper[rows])
            lower[rows] = torch.where(fooling, lower[rows], constants[rows])
            constants = torch.where(upper.isinf(), constants * 10, (lower + upper) / 2)
        return drawn_nearer(oracle, best.images, images, goal, self.confidence)

    def _descend(self, oracle: Oracle, best: Nearest, goal: Goal, constants: Tensor, rows: Tensor) -> Tensor:
        """One descent from the clean images of ``rows`` with their ``constants`` (N values); which fooled: n bools.

        Only the last tenth before its end says so: a first long stride may fool whatever c is.
        """

        def weighted(scores: Tensor, part: Tensor) -> Tensor:
            return constants[part] * goal.of(part).loss("margin", scores).clamp(min=-self.confidence)  # c · f₆

        going, tenth = rows, ceil(self.iterations / 10)
        variables = ((2 * best.clean[going] - 1) * 0.999999).atanh()
        start = _image(variables)
        adam = Adam(variables)
        fooled = torch.zeros(len(best.clean), dtype=torch.bool, device=rows.device)
        before = torch.full((len(rows),), torch.inf, device=rows.device)
        for step in range(self.iterations):
            if step % tenth == 0:
                fooled[going], total = False, torch.zeros_like(before)
            images = _image(variables)
            change = images - start
            scores, gradient = oracle.gradient(images, going, weighted)
            fooled[going] |= best.offer(images, going, scores)
            total += change.flatten(1).square().sum(1) + weighted(scores, going)
            slope = (gradient + 2 * change) * 2 * images * (1 - images)
            variables += adam(slope, self.learning_rate * (1 - step / self.iterations))
            if (step + 1) % tenth == 0:
                lowering = total < _PROGRESS * before
                going, variables, start = going[lowering], variables[lowering], start[lowering]
                before = total[lowering]
                adam.keep(lowering)
                if len(going) == 0:
                    break
        return fooled[rows]


def _image(variables: Tensor) -> Tensor:
    """Images in [0, 1] of variables without bounds (section V-B, change of variables)."""
    return (variables.tanh() + 1) / 2
