"""What the random searches over few pixels share: a set of pixels a lane, the best one so far."""

from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

from pixelproof.search.search import LaneSearch, LaneState, best_of_round


@dataclass
class PixelState(LaneState):
    genome: Tensor  # (lanes, pixels, 2 + C): the incumbent; row, column, channel values
    fitness: Tensor  # (lanes,) float64, of the incumbent
    rounds: Tensor  # (lanes,) int64, done


State = TypeVar("State", bound=PixelState)


class PixelRandomSearch(LaneSearch[State]):
    """Candidates of a round are made from one incumbent, whose place the best takes if it is better; no lane stalls.

    A search puts its ``_candidates``, (lanes, population, pixels, 2 + C), where it proposes them.
    """

    def __init__(self, pixels: int, shape: tuple[int, int, int], population: int) -> None:
        super().__init__(pixels * (2 + shape[2]), population, smallest_population=1)
        if min(shape) < 1:
            raise ValueError(f"shape is {shape}, each side must be at least 1")
        self.pixels, self.shape = pixels, shape
        self._corners = torch.cartesian_prod(*[torch.tensor([0.0, 255.0])] * shape[2]).view(-1, shape[2])
        self._candidates = torch.empty(0)

    def _learn(self, state: State, fitness: Tensor, margins: Tensor | None) -> None:
        best, better, state.fitness = best_of_round(fitness, state.fitness)
        lane = torch.arange(self.lanes, device=self._device)
        state.genome = torch.where(better[:, None, None], self._candidates[lane, best], state.genome)
        state.rounds += 1
        self._candidates = torch.empty(0)

    def _exhausted(self, state: State) -> Tensor:
        return torch.zeros(self.lanes, dtype=torch.bool)
