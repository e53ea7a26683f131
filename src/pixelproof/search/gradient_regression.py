"""Bayesian gradient regression: a search of a box that keeps a linear model of every margin."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pixelproof.search.cohort import Cohort
from pixelproof.search.image_basis import ImageBasis
from pixelproof.search.measurements import Measurements, Posterior
from pixelproof.search.one_thread import one_thread
from pixelproof.search.search import LaneSearch, LaneState

#: Rivals whose gradients are followed.
RIVALS = 5
#: Of these, those whose greedy vertex is asked in every round.
GREEDY = 2
#: Range of τ, the share of the posterior's spread that a Thompson vertex keeps, where gradients have 3,072 numbers.
SPREAD = (0.05, 0.3)
#: Queries after which that range widens in proportion, and how far: what is near the model's vertex has been tried.
WIDENS, WIDEST = 300, 3.0
#: Candidates of the first rounds, where every measurement changes much; of later ones; and what a round adds to all
#: measurements once that is more: by then, they would hardly have been others in smaller rounds.
FIRST_POPULATION, USUAL_POPULATION, LATE_SHARE = 8, 20, 1 / 28

Box = tuple[Tensor, Tensor]


@dataclass
class Learners(LaneState):
    """A lane's box, (dimension,), and how far into it candidates may go, what it has measured, and the cohort it learns
    with."""

    lower: list[Tensor]
    upper: list[Tensor]
    limit: list[float]
    memory: list[Measurements]
    cohort: list[Cohort]


class GradientRegression(LaneSearch[Learners]):
    """Bayesian linear regression of the margins' gradients, local to the best point; vertices of the box by Thompson
    sampling.

    Within a few grey levels the margins of a network are nearly linear, so each query measures all directions at
    once. The gradient has a Gaussian prior that is stationary but for a window (`ImageBasis`, `Cohort`), measurements
    a noise that grows with their distance from the best point. A round asks for the vertices that minimise the
    posterior mean of the likeliest rivals, and for vertices of posterior samples.

    shape: (H, W, C) of the images; a genome is their change, H·W·C numbers, and candidates are vertices of the box.
    population: candidates a lane and round, at most. capacity: measurements that a lane keeps, the nearest, at most;
    until 1,440 queries 720.

    Lanes added by one call are a cohort: they learn one prior, and so depend on each other, but on no other lane.
    Memory a lane: capacity × (1.5 × dimension, at most 3,072, + 2 × capacity) float32, 37 MB at the defaults; 18 MB
    until 1,440 queries.

    Raises ValueError for a population below 4 or a capacity below 8 populations.
    """

    reads_margins = True
    learns_together = True
    takes_limits = True

    def __init__(self, shape: tuple[int, int, int], population: int = 32, capacity: int = 1280) -> None:
        super().__init__(math.prod(shape), population, smallest_population=4)
        if capacity < 8 * population:
            raise ValueError(f"capacity is {capacity}, must be at least 8 populations, {8 * population}")
        self.shape, self.capacity = shape, capacity
        self._basis: ImageBasis | None = None
        self._candidates: list[Tensor] = []

    @one_thread()
    def _begin(self, start: Tensor, lower: Tensor, upper: Tensor, images: Tensor | None) -> Learners:
        if self._basis is None:
            self._basis = ImageBasis(self.shape, start.device)
        seed = int(torch.randint(2**62, (1,), generator=self._beginning[0], device=start.device))
        generator = torch.Generator(start.device).manual_seed(seed)
        cohort = Cohort(self._basis, len(start), self.capacity, generator)
        if self._clean is not None:
            for memory, margins in zip(cohort.memories, self._clean, strict=True):
                memory.condition_on(torch.zeros_like(start[0]), margins)
        return Learners(list(lower), list(upper), [math.inf] * len(start), cohort.memories, [cohort] * len(start))

    @one_thread()
    def _propose(self, state: Learners) -> Tensor:
        self._candidates = [
            _first(cohort, memory, box, generator, min(FIRST_POPULATION, self.population))
            if memory.asked == 0
            else _next(cohort, memory, box, generator, _size(memory.asked, self.population))
            for memory, cohort, box, generator in zip(
                state.memory, state.cohort, _boxes(state), self._generators, strict=True
            )
        ]
        padded = torch.zeros(self.lanes, self.population, self.dimension, device=self._device)
        for lane, candidates in enumerate(self._candidates):
            padded[lane, : len(candidates)] = candidates
        return padded

    def _wanted(self, state: Learners) -> Tensor:
        return torch.tensor([len(candidates) for candidates in self._candidates])

    @one_thread()
    def _learn(self, state: Learners, fitness: Tensor, margins: Tensor | None) -> None:
        told = fitness.unsqueeze(2) if margins is None else margins
        judged = fitness < torch.finfo(fitness.dtype).max
        for lane, candidates in enumerate(self._candidates):
            answered = judged[lane, : len(candidates)]
            chosen = candidates[answered]
            if len(chosen):
                values = told[lane, : len(candidates)][answered]
                state.memory[lane].add(chosen, state.cohort[lane].whiten(chosen), values)
        self._candidates = []
        for cohort in dict.fromkeys(state.cohort):
            cohort.learn([memory for memory, own in zip(state.memory, state.cohort, strict=True) if own is cohort])

    def _limit(self, state: Learners, limits: list[int]) -> None:
        for memory, now, new in zip(state.memory, state.limit, limits, strict=True):
            memory.moved |= memory.count > 0 and new != now
        state.limit[:] = limits

    def _exhausted(self, state: Learners) -> Tensor:
        return torch.zeros(self.lanes, dtype=torch.bool)


def _boxes(state: Learners) -> list[Box]:
    """Lower and upper bounds of every lane, within its limit."""
    lanes = zip(state.lower, state.upper, state.limit, strict=True)
    return [(lower.clamp(min=-limit), upper.clamp(max=limit)) for lower, upper, limit in lanes]


def _vertices(slopes: Tensor, box: Box) -> Tensor:
    """The vertices of a box (n, dimension) that lie lowest by slopes (n, dimension)."""
    return torch.where(slopes > 0, *box)


def _size(asked: int, population: int) -> int:
    """Candidates of a round: small rounds learn sooner, and cost little while there are few measurements."""
    wanted = max(FIRST_POPULATION, min(asked // 10, USUAL_POPULATION), int(asked * LATE_SHARE))
    return min(wanted, population)


def _first(cohort: Cohort, memory: Measurements, box: Box, generator: torch.Generator, count: int) -> Tensor:
    """Vertices of prior samples, and the unchanged image where it is not known."""
    xi = _normal((count, cohort.basis.size), generator)
    vertices = _vertices(cohort.gradient(xi), box)
    if memory.count == 0:
        vertices[0] = 0
    return vertices


def _next(cohort: Cohort, memory: Measurements, box: Box, generator: torch.Generator, count: int) -> Tensor:
    """Greedy vertices of the likeliest rivals, and vertices of samples of the posterior; where the box is a new one,
    first the best point, brought to it."""
    if memory.moved:
        low = (memory.point < 0) | (memory.point <= box[0])  # a black pixel at its lower bound has a change of 0
        here = torch.where(low, *box).unsqueeze(0)
        return torch.cat([here, _draws(cohort, memory, box, generator, count - 1)])
    return _draws(cohort, memory, box, generator, count)


def _draws(cohort: Cohort, memory: Measurements, box: Box, generator: torch.Generator, count: int) -> Tensor:
    posterior = memory.posterior(cohort.noise, RIVALS)
    samples = count - min(GREEDY, len(posterior.rivals))
    means, deviations = _draw(memory, posterior, samples, generator)
    slopes = cohort.gradient(means)
    greedy = _vertices(slopes, box)
    predicted = posterior.here + ((greedy - memory.point) * slopes).sum(1)
    order = predicted.argsort()
    rival = _shares(predicted, posterior.amplitudes, order, samples)
    tau = _spread(cohort.basis.size, memory.asked) * _log_uniform(SPREAD, samples, generator)
    width = (tau * posterior.amplitudes[rival].sqrt()).unsqueeze(1)
    drawn = cohort.gradient(means[rival] + width * deviations)
    return torch.cat([greedy[order[: count - samples]], _vertices(drawn, box)])


def _spread(size: int, asked: int) -> float:
    """How much wider draws are late, and of small images: of few numbers, hardly one would change sign."""
    late = max(1, min(asked / WIDENS, WIDEST))
    return min(late * max(1, math.sqrt(3072 / size)), 1 / SPREAD[1])


def _log_uniform(limits: tuple[float, float], count: int, generator: torch.Generator) -> Tensor:
    low, high = limits
    return low * (high / low) ** torch.rand(count, generator=generator, device=generator.device)


def _draw(
    memory: Measurements, posterior: Posterior, samples: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Posterior means (T, size) of the rivals' gradients, and deviations from it (samples, size), at amplitude 1.

    Matheron's rule: a prior sample less what the regression makes of its own, noisy, measurements.
    """
    prior = _normal((samples, memory.u.shape[1]), generator)
    noise = _normal((memory.count, samples), generator) * posterior.noise.sqrt().unsqueeze(1)
    weights = torch.cholesky_solve(memory.along(prior) + noise, posterior.factor)
    both = memory.back(torch.cat([posterior.weights, weights], 1))
    rivals = len(posterior.rivals)
    return both[:rivals], prior - both[rivals:]


def _shares(predicted: Tensor, amplitudes: Tensor, order: Tensor, samples: int) -> Tensor:
    """(samples,) the rival of each sample: a quarter go to the second where it is close, all else to the first."""
    rival = order[:1].repeat(samples)
    if len(order) > 1:
        close = predicted[order[1]] < predicted[order[0]] + 1.5 * amplitudes[order[1]].sqrt()
        quarter = samples - samples // 4
        rival[quarter:] = torch.where(close, order[1], order[0])
    return rival


def _normal(shape: tuple[int, int], generator: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=generator, device=generator.device)
