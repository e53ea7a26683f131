"""Square Attack: random search over square windows.

M. Andriushchenko, F. Croce, N. Flammarion, M. Hein, "Square Attack: a query-efficient black-box adversarial attack via
random search", ECCV 2020; algorithm 1, with the sampling of squares in ``square_windows``.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from pixelproof.attacks.attack import Attack, Needs
from pixelproof.attacks.budget import Budget
from pixelproof.attacks.goal import Goal
from pixelproof.attacks.oracle import Oracle
from pixelproof.attacks.parameters import require_positive
from pixelproof.attacks.scores.square_windows import WINDOWS
from pixelproof.errors import InputError
from pixelproof.search.square_search import HORIZON, window_side
from pixelproof.seeds import Streams

HALVINGS = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)  # candidates after which p halves, of HORIZON
AHEAD = 64  # candidates of a sample whose random numbers are drawn at once


@dataclass(frozen=True)
class SquareAttack(Attack):
    """Squares inside the ball of radius ``epsilon``, in grey levels of ``norm``, kept where they lower the loss.

    ``queries`` of a sample at most; ``p_init`` is the share of the image that the first squares cover, which shrinks
    on a schedule that is scaled to ``queries``; 0.8 is AutoAttack's. The loss is the margin or, targeted, the
    cross-entropy.
    """

    name: ClassVar[str] = "square"
    needs: ClassVar[Needs] = "scores"

    norm: Literal["linf", "l2"] = "linf"
    epsilon: float = 8
    queries: int = 5000
    p_init: float = 0.8

    def __post_init__(self) -> None:
        if self.norm not in WINDOWS:
            raise InputError(f"Square Attack has the norms {' and '.join(WINDOWS)}, not {self.norm!r}.")
        require_positive("Square Attack", epsilon=self.epsilon, queries=self.queries, p_init=self.p_init)
        if self.p_init > 1:
            raise InputError(f"Square Attack needs a p_init of at most 1 (a share of the image), not {self.p_init:g}.")

    @property
    def budget(self) -> Budget:
        return Budget(self.norm, self.epsilon)

    def __call__(self, oracle: Oracle, images: Tensor, goal: Goal, streams: Streams) -> Tensor:
        windows, radius = WINDOWS[self.norm], self.epsilon / 255
        rows, clean = goal.rows, images
        best = windows.start(clean, streams, radius)
        loss, reached = self._ask(oracle, best, clean, goal, rows)
        found, numbers = best.clone(), torch.empty(len(rows), 0, device=images.device)
        for asked in range(1, self.queries):
            if reached.any():
                found[rows] = best
                rows, clean, best, loss, numbers = (each[~reached] for each in (rows, clean, best, loss, numbers))
            if not len(rows):
                break
            if asked % AHEAD == 1:
                numbers = streams.of(rows).uniform(AHEAD, windows.numbers(images.shape[1]))
            side = window_side(self._share(asked), (images.shape[2], images.shape[3], images.shape[1]))
            candidate = windows.propose(best, clean, side, numbers[:, (asked - 1) % AHEAD], radius)
            told, reached = self._ask(oracle, candidate, clean, goal, rows)
            better = (told < loss) | reached
            best = torch.where(better[:, None, None, None], candidate, best)
            loss = torch.where(better, told, loss)
        found[rows] = best
        return found

    def _share(self, asked: int) -> float:
        """The share p of the image, after so many candidates: halved at the authors' times, scaled.

        Their code, and AutoAttack, also halve at 500, which section 3.2 of the paper leaves out.
        """
        return self.p_init / 2.0 ** bisect_left(HALVINGS, asked * HORIZON // self.queries)

    def _ask(self, oracle: Oracle, images: Tensor, clean: Tensor, goal: Goal, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Losses, n, and whether these images fool: as they will be handed over, cut to 8 bits inside the budget."""
        seen = self.budget.to_8_bit(images, clean) if oracle.eight_bit else images
        scores, part = oracle.log_scores(seen, rows), goal.of(rows)
        return part.loss("margin" if goal.targets is None else "cross-entropy", scores), part.reached(scores)
