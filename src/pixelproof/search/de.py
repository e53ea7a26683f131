"""Differential evolution."""

from dataclasses import dataclass

import torch
from torch import Tensor

from pixelproof.search.search import LaneSearch, LaneState, require_finite

COLLAPSED = 1e-6  # of the range
BLOCK = 1 << 17  # components bred at a time, to stay in the cache; it orders the random numbers


@dataclass
class Members(LaneState):
    """One tensor a lane, so that adding and dropping lanes copies no population."""

    lower: list[Tensor]  # (dimension,)
    upper: list[Tensor]  # (dimension,)
    population: list[Tensor | None]  # (population, dimension); None before the first tell
    fitness: list[Tensor]  # (population,)


class DifferentialEvolution(LaneSearch[Members]):
    """Differential evolution, rand/1/bin: R. Storn, K. Price, Journal of Global Optimization 11, 1997.

    dimension: n. population: NP, at least 4. crossover: CR in [0, 1], the share of components taken from
    the mutant, one at least. differential_weight: F, one number above 0, or (low, high): dither, drawn
    from [low, high) once a generation for each lane. The papers we follow do not state F; the default is
    SciPy's dither.

    The first ask is the initial population, uniform in [lower, upper]: `start` is ignored, as in the
    papers. Components that leave the range are drawn anew, uniform inside it (D. V. Vargas, S. Kotyan,
    arXiv 1906.06026). A trial takes its parent's place when it is no worse. A lane is stalled when, in
    every dimension, its members lie within 1e-6 of the range.

    Memory: two arrays of population × dimension float32 a lane, and little besides.

    Raises ValueError for a dimension below 1, a population below 4, a crossover outside [0, 1], a
    differential weight that is not above 0 and finite, or bounds that are not finite.
    """

    def __init__(
        self,
        dimension: int,
        population: int = 400,
        crossover: float = 1.0,
        differential_weight: float | tuple[float, float] = (0.5, 1.0),
    ) -> None:
        super().__init__(dimension, population, smallest_population=4)
        if not 0 <= crossover <= 1:
            raise ValueError(f"crossover is {crossover}, must lie in [0, 1]")
        pair = differential_weight if isinstance(differential_weight, tuple) else (differential_weight,) * 2
        if not 0 < pair[0] <= pair[1] < float("inf"):
            raise ValueError(f"differential weight goes from {pair[0]} to {pair[1]}, must rise from above 0")
        self.crossover = crossover
        self.differential_weight = pair
        self._trials = torch.empty(0)

    def _begin(self, start: Tensor, lower: Tensor, upper: Tensor, images: Tensor | None) -> Members:
        require_finite("bounds are", lower, upper)
        return Members(
            lower=list(lower),
            upper=list(upper),
            population=[None] * len(lower),
            fitness=[lower.new_empty(0)] * len(lower),
        )

    def _propose(self, state: Members) -> Tensor:
        self._trials = torch.empty(self.lanes, self.population, self.dimension, device=self._device)
        for lane, generator in enumerate(self._generators):
            members, trials = state.population[lane], self._trials[lane]
            lower, upper = state.lower[lane], state.upper[lane]
            if members is None:
                _draw_inside(lower, upper, generator, out=trials)
            else:
                self._breed(members, lower, upper, generator, out=trials)
        return self._trials

    def _breed(self, members: Tensor, lower: Tensor, upper: Tensor, generator: torch.Generator, out: Tensor) -> None:
        """The trials of one lane, (population, dimension), a block of rows at a time."""
        picks = torch.stack(distinct_triples(self.population, generator))
        weight = self._draw_weight(generator)
        rows = max(1, BLOCK // self.dimension)
        for first in range(0, self.population, rows):
            block = slice(first, first + rows)
            trials = out[block]
            mutate(members, picks[:, block], weight, out=trials)
            outside = (trials < lower).logical_or_(trials > upper)
            inside = _draw_inside(lower, upper, generator, out=torch.empty_like(trials))
            torch.where(outside, inside, trials, out=trials)
            if self.crossover < 1:
                self._cross(members[block], generator, trials)

    def _draw_weight(self, generator: torch.Generator) -> Tensor:
        """F of this generation, (1,)."""
        low, high = self.differential_weight
        if low == high:
            return torch.full((1,), low, device=self._device)
        return torch.rand(1, generator=generator, device=self._device) * (high - low) + low

    def _cross(self, parents: Tensor, generator: torch.Generator, trials: Tensor) -> None:
        """Binomial crossover, in place: components from the mutant with probability CR, one for certain."""
        chosen = torch.rand(parents.shape, generator=generator, device=parents.device) < self.crossover
        row = (len(parents), 1)
        certain = torch.randint(self.dimension, row, generator=generator, device=parents.device)
        chosen.scatter_(1, certain, True)
        torch.where(chosen, trials, parents, out=trials)

    def _learn(self, state: Members, fitness: Tensor, margins: Tensor | None) -> None:
        for lane, told in enumerate(fitness.unbind()):
            members, trials = state.population[lane], self._trials[lane]
            if members is None:
                state.population[lane], state.fitness[lane] = trials.clone(), told.clone()
                continue
            better = told <= state.fitness[lane]
            torch.where(better.unsqueeze(1), trials, members, out=members)
            state.fitness[lane] = torch.where(better, told, state.fitness[lane])
        self._trials = torch.empty(0)

    def _exhausted(self, state: Members) -> Tensor:
        stalled = []
        for members, lower, upper in zip(state.population, state.lower, state.upper, strict=True):
            if members is None:
                stalled.append(torch.zeros((), dtype=torch.bool, device=self._device))
            else:
                extent = members.amax(0) - members.amin(0)
                stalled.append((extent <= COLLAPSED * (upper - lower)).all())
        return torch.stack(stalled)


def mutate(members: Tensor, picks: Tensor, weight: Tensor, out: Tensor) -> None:
    """v = x_r1 + F (x_r2 - x_r3).

    members (population, dimension), picks (3, k) int64, weight (1,), out (k, dimension), overwritten.
    """
    torch.index_select(members, 0, picks[1], out=out)
    out.sub_(members[picks[2]]).mul_(weight).add_(members[picks[0]])


def distinct_triples(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """r1, r2, r3, each (count,) int64: for each i in 0 … count - 1, uniform over the triples distinct
    from i and each other.

    A number drawn from the k that are left stands for the k-th of them: it moves up past each taken one,
    in order of size.
    """

    def draw(left: int) -> Tensor:
        return torch.randint(left, (count,), generator=generator, device=generator.device)

    own = torch.arange(count, device=generator.device)
    first = draw(count - 1)
    first += first >= own
    low, high = torch.minimum(own, first), torch.maximum(own, first)
    second = draw(count - 2)
    second += second >= low
    second += second >= high
    third = draw(count - 3)
    third += third >= torch.minimum(low, second)
    third += third >= torch.maximum(low, torch.minimum(high, second))
    third += third >= torch.maximum(high, second)
    return first, second, third


def _draw_inside(lower: Tensor, upper: Tensor, generator: torch.Generator, out: Tensor) -> Tensor:
    """Uniform in [lower, upper] for each row of out, (population, dimension)."""
    torch.rand(out.shape, generator=generator, out=out)
    return out.mul_(upper - lower).add_(lower).clamp_(max=upper)
