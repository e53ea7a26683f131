"""Hill climbing: normal steps from the best point so far."""

from dataclasses import dataclass

import torch
from torch import Tensor

from pixelproof.search.registry import Entry
from pixelproof.search.search import LaneSearch, LaneState


@dataclass
class Climb(LaneState):
    lower: Tensor  # (lanes, dimension)
    upper: Tensor  # (lanes, dimension)
    best: Tensor  # (lanes, dimension)
    fitness: Tensor  # (lanes,), of the best
    asked: Tensor  # (lanes, population, dimension)


class HillClimb(LaneSearch[Climb]):
    """Normal steps of a tenth of the box from the best point so far, which the best of a round takes the place of."""

    def __init__(self, dimension: int, population: int = 4) -> None:
        super().__init__(dimension, population, smallest_population=1)

    def _begin(self, start: Tensor, lower: Tensor, upper: Tensor, images: Tensor | None) -> Climb:
        asked = start[:, None].repeat(1, self.population, 1)
        return Climb(lower, upper, start, start.new_full((len(start),), torch.inf), asked)

    def _propose(self, state: Climb) -> Tensor:
        shape = self.population, self.dimension
        steps = torch.stack([torch.randn(shape, generator=each, device=each.device) for each in self._generators])
        lower, upper = state.lower[:, None], state.upper[:, None]
        state.asked = (state.best[:, None] + 0.1 * (upper - lower) * steps).clamp(lower, upper)
        return state.asked.clone()

    def _learn(self, state: Climb, fitness: Tensor, margins: Tensor | None) -> None:
        least, place = fitness.float().min(1)
        found = state.asked[torch.arange(self.lanes, device=place.device), place]
        better = least < state.fitness
        state.best = torch.where(better[:, None], found, state.best)
        state.fitness = torch.where(better, least, state.fitness)

    def _exhausted(self, state: Climb) -> Tensor:
        return (state.lower == state.upper).all(1)


ENTRY = Entry(HillClimb, lambda problem: HillClimb(problem.dimension, problem.population or 4))
