"""Square Attack's random search on the vertices of the box."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pixelproof.search.drawn_ahead import AHEAD, current, refill
from pixelproof.search.search import LaneSearch, LaneState, best_of_round, require_finite
from pixelproof.search.squares import HORIZON, Schedule, corners


@dataclass
class Vertices(LaneState):
    lower: Tensor  # (lanes, dimension)
    upper: Tensor  # (lanes, dimension)
    incumbent: Tensor  # (lanes, dimension)
    fitness: Tensor  # (lanes,) float64, of the incumbent
    rounds: Tensor  # (lanes,) int64, done
    fixed: Tensor  # (lanes,) bool: the box is a single point
    numbers: Tensor  # (lanes, AHEAD, population * (2 + C))


class SquareSearch(LaneSearch[Vertices]):
    """Random search over squares: M. Andriushchenko, F. Croce, N. Flammarion, M. Hein, Square Attack: a
    query-efficient black-box adversarial attack via random search, ECCV 2020, arXiv 1912.00049 (algorithms 1 and 2).

    shape: (H, W, C); a point is an H×W×C change. share: the paper's p, the share of the image that the first
    squares cover, in (0, 1]. queries: N, the horizon of the schedule, in candidates of a lane. population: candidates
    of one round, all made from the same incumbent, of which the best is kept if it is better; the paper's is 1.

    The first candidates are vertical stripes, a column of each channel at its lower or upper bound at random; `start`
    is ignored. Each later one puts the channels of one square window of the incumbent at their lower or upper bounds,
    one choice a channel. The square covers p of the image: its side is √(p·H·W), rounded, from 1 to the shorter side
    of the image. p halves after 10, 50, 200, 1000, 2000, 4000, 6000 and 8000 of 10,000 candidates (section 3.2), which
    scale with `queries`; a candidate beyond the horizon has the last side.

    Departures: a window that would change nothing takes the opposite bounds in all channels, where the authors' code
    draws again. A lane is stalled, and infeasible, only when its lower and upper bounds are equal.

    Memory: 3 arrays of dimension float32 a lane, and the candidates.

    Raises ValueError for a shape without a value, queries or a population below 1, or a share outside (0, 1].
    """

    def __init__(
        self, shape: tuple[int, int, int], queries: int = HORIZON, population: int = 1, share: float = 0.05
    ) -> None:
        super().__init__(math.prod(shape), population, smallest_population=1)
        if min(shape) < 1:
            raise ValueError(f"shape is {shape}, each side must be at least 1")
        if queries < 1:
            raise ValueError(f"queries is {queries}, must be at least 1")
        if not 0 < share <= 1:
            raise ValueError(f"share is {share}, must lie in (0, 1]")
        self.shape = shape
        self.schedule = Schedule(shape, queries, share)
        self._places = self._values = self._stripes = torch.empty(0)
        self._fresh: list[int] = []

    def incumbent(self, lane: int) -> Tensor:
        """The best point of a lane so far, (dimension,) float32, a copy; zeros before the first `tell`.

        Raises IndexError when there is no such lane.
        """
        if self._state is None or not 0 <= lane < self.lanes:
            raise IndexError(f"lane is {lane}, {self.lanes} are held")
        return self._state.incumbent[lane].clone()

    def _begin(self, start: Tensor, lower: Tensor, upper: Tensor, images: Tensor | None) -> Vertices:
        require_finite("bounds are", lower, upper)
        count, device = len(start), start.device
        return Vertices(
            lower=lower,
            upper=upper,
            incumbent=torch.zeros_like(lower),
            fitness=torch.full((count,), torch.inf, dtype=torch.float64, device=device),
            rounds=torch.zeros(count, dtype=torch.int64, device=device),
            fixed=(lower == upper).all(1),
            numbers=torch.zeros(count, AHEAD, self.population * (2 + self.shape[2]), device=device),
        )

    def _propose(self, state: Vertices) -> Tensor:
        self._fresh = (state.rounds == 0).nonzero().flatten().tolist()
        refill(state.rounds, self._generators, state.numbers)
        self._draw_squares(state)
        candidates = state.incumbent[:, None].repeat(1, self.population, 1)
        candidates.scatter_(2, self._places, self._values)
        if self._fresh:
            self._stripes = torch.stack([self._draw_stripes(state, lane) for lane in self._fresh])
            candidates[self._fresh] = self._stripes
        return candidates

    def _draw_stripes(self, state: Vertices, lane: int) -> Tensor:
        """Vertical stripes, (population, dimension): the whole column of a channel at one of its bounds."""
        height, width, channels = self.shape
        numbers = torch.empty(self.population, 1, width, channels, device=self._device)
        high = numbers.uniform_(generator=self._generators[lane]) < 0.5
        high = high.expand(-1, height, -1, -1).reshape(self.population, -1)
        return torch.where(high, state.upper[lane], state.lower[lane])

    def _draw_squares(self, state: Vertices) -> None:
        """Where this round's squares lie and what they hold, both (lanes, population, cells).

        A smaller square than its neighbours' names its last row and column more than once, with the same values.
        """
        height, width, channels = self.shape
        numbers = current(state.rounds, state.numbers).view(self.lanes, self.population, 2 + channels)
        side = self.schedule.sides(state.rounds * self.population)[:, None]
        row, column = corners(numbers, side, height, width)
        steps = torch.arange(int(side.max()), device=self._device).expand(self.lanes, 1, -1).minimum(side[:, None] - 1)
        rows = (row[..., None] + steps) * (width * channels)
        columns = (column[..., None] + steps) * channels
        channel = torch.arange(channels, device=self._device)
        places = rows[..., :, None, None] + columns[..., None, :, None] + channel
        high = (numbers[..., 2:] < 0.5)[:, :, None, None].expand(places.shape)
        self._places = places.flatten(2)
        self._values = self._other_than_now(state, self._places, high.flatten(2))

    def _other_than_now(self, state: Vertices, places: Tensor, high: Tensor) -> Tensor:
        """The bounds at places, upper where high; the opposite ones where that would change nothing."""
        flat = places.flatten(1)
        lower, upper, now = (
            row.gather(1, flat).view(places.shape) for row in (state.lower, state.upper, state.incumbent)
        )
        same = (torch.where(high, upper, lower) == now).all(2, keepdim=True)
        return torch.where(high ^ same, upper, lower)

    def _learn(self, state: Vertices, fitness: Tensor, margins: Tensor | None) -> None:
        best, better, state.fitness = best_of_round(fitness, state.fitness)
        lane = torch.arange(self.lanes, device=self._device)
        places, values = self._places[lane, best], self._values[lane, best]
        now = state.incumbent.gather(1, places)
        state.incumbent.scatter_(1, places, torch.where(better[:, None], values, now))
        for row, fresh in enumerate(self._fresh):
            state.incumbent[fresh] = self._stripes[row, best[fresh]]
        state.rounds += 1
        self._places = self._values = self._stripes = torch.empty(0)

    def _exhausted(self, state: Vertices) -> Tensor:
        return state.fixed

    def _infeasible(self, state: Vertices) -> Tensor:
        return state.fixed
