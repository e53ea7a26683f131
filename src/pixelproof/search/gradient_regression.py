"""Bayesian gradient regression: a search of a box that keeps a linear model of every margin."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from pixelproof.search.cohort import Cohort
from pixelproof.search.image_basis import ImageBasis, bands_of
from pixelproof.search.lane_regression import Posterior
from pixelproof.search.one_thread import one_thread
from pixelproof.search.search import LaneSearch, LaneState

#: Rivals whose gradients are followed.
RIVALS = 5
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
    """Boxes, (lanes, dimension), how far into them candidates may go, (lanes,), and the cohort that each lane learns
    with. The lanes of a cohort lie side by side."""

    lower: Tensor
    upper: Tensor
    limit: Tensor
    cohort: list[Cohort]

    def kept(self, mask: Tensor) -> Self:
        """The lanes where mask, (lanes,) bool, is True; the cohorts are told."""
        stays, first = mask.tolist(), 0
        for cohort in dict.fromkeys(self.cohort):
            last = first + len(cohort.order)
            cohort.keep(stays[first:last])
            first = last
        return super().kept(mask)

    def parts(self) -> Iterator[tuple[Cohort, Tensor]]:
        """Every cohort with the numbers of its lanes, in the order in which its measurements lie."""
        first = 0
        for cohort in dict.fromkeys(self.cohort):
            yield cohort, first + cohort.order
            first += len(cohort.order)


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

    Lanes added by one call are a cohort: they learn one prior, draw from one generator and are computed together, in as
    many operations whatever their number. So they depend on each other, but on no other lane.

    Memory a lane, ended ones too as long as one of their cohort lives: capacity × (1.5 × dimension, at most 3,072, + 2
    × capacity) float32, 37 MB at the defaults; 18 MB until 1,440 queries. It grows with what is measured, and while it
    does is held twice; beside it, a round takes about 3 × capacity² and 10 × population × dimension.

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
        self._candidates: list[Tensor] = []  # of the last ask, (live, count, dimension) of each cohort

    @property
    def lane_bytes(self) -> int:
        """Memory that a lane takes at most, in bytes, about: its measurements, and the candidates of a round."""
        kept = self.capacity * (1.5 * math.prod(bands_of(self.shape)) + 2 * self.capacity)
        return int(4 * (kept + 10 * self.population * self.dimension))

    @one_thread()
    def _begin(self, start: Tensor, lower: Tensor, upper: Tensor, images: Tensor | None) -> Learners:
        if self._basis is None:
            self._basis = ImageBasis(self.shape, start.device)
        seed = int(torch.randint(2**62, (1,), generator=self._beginning[0], device=start.device))
        generator = torch.Generator(start.device).manual_seed(seed)
        hints = None if self._hints is None else self._hints.flatten(2)
        cohort = Cohort(self._basis, len(start), self.capacity, generator, hints)
        if self._clean is not None:
            cohort.memory.condition_on(self._clean)
        return Learners(lower, upper, torch.full_like(start[:, 0], torch.inf), [cohort] * len(start))

    @one_thread()
    def _propose(self, state: Learners) -> Tensor:
        padded = torch.empty(self.lanes, self.population, self.dimension, device=self._device)
        parts = list(state.parts())
        self._candidates = [_candidates(cohort, _box(state, lanes), self.population) for cohort, lanes in parts]
        for (_, lanes), candidates in zip(parts, self._candidates, strict=True):
            padded[lanes, : candidates.shape[1]] = candidates
            padded[lanes, candidates.shape[1] :] = 0
        return padded

    def _wanted(self, state: Learners) -> Tensor:
        return torch.tensor([c.shape[1] for c in self._candidates for _ in range(len(c))])

    @one_thread()
    def _learn(self, state: Learners, fitness: Tensor, margins: Tensor | None) -> None:
        told = fitness.unsqueeze(2) if margins is None else margins
        judged = fitness < torch.finfo(fitness.dtype).max
        for (cohort, lanes), candidates in zip(state.parts(), self._candidates, strict=True):
            answers = lanes, slice(candidates.shape[1])
            cohort.memory.add(candidates, cohort.whiten(candidates), told[answers], judged[answers])
            cohort.learn()
        self._candidates = []

    def _limit(self, state: Learners, limits: list[int]) -> None:
        new = torch.tensor(limits, device=state.limit.device).to(state.limit.dtype)
        moved = new != state.limit
        for cohort, lanes in state.parts():
            cohort.memory.move(moved[lanes])
        state.limit = new

    def _exhausted(self, state: Learners) -> Tensor:
        return torch.zeros(self.lanes, dtype=torch.bool)


def _box(state: Learners, lanes: Tensor) -> Box:
    """Lower and upper bounds of these lanes, within their limits, (L, 1, dimension)."""
    lower, upper, limit = state.lower[lanes], state.upper[lanes], state.limit[lanes].unsqueeze(1)
    return lower.maximum(-limit).unsqueeze(1), upper.minimum(limit).unsqueeze(1)


def _vertices(slopes: Tensor, box: Box) -> Tensor:
    """The vertices of boxes, (L, n, dimension), that lie lowest by slopes (L, n, dimension)."""
    return torch.where(slopes > 0, *box)


def _size(asked: int, population: int) -> int:
    """Candidates of a round: small rounds learn sooner, and cost little while there are few measurements."""
    wanted = max(FIRST_POPULATION, min(asked // 10, USUAL_POPULATION), int(asked * LATE_SHARE))
    return min(wanted, population)


def _candidates(cohort: Cohort, box: Box, population: int) -> Tensor:
    """What the lanes of a cohort ask next, (L, count, dimension)."""
    asked = cohort.memory.asked
    if asked == 0:
        return _first(cohort, box, min(FIRST_POPULATION, population))
    return _next(cohort, box, _size(asked, population))


def _first(cohort: Cohort, box: Box, count: int) -> Tensor:
    """Vertices of prior samples, which hold a share of the hints and none of their opposites, and the unchanged image
    where it is not known."""
    memory = cohort.memory
    drawn = cohort.normal(memory.lanes, count, cohort.size)
    drawn[:, :, cohort.basis.size :].abs_()
    vertices = _vertices(cohort.gradient(drawn), box)
    vertices[:, 0].masked_fill_(memory.known[: memory.lanes, None] == 0, 0)
    return vertices


def _next(cohort: Cohort, box: Box, count: int) -> Tensor:
    """Greedy vertices of the likeliest rivals, and vertices of samples of the posterior; where the box is a new one,
    first the best point, brought to it."""
    draws, memory = _draws(cohort, box, count), cohort.memory
    if not memory.moving:
        return draws
    point = memory.point.unsqueeze(1)
    low = (point < 0) | (point <= box[0])  # a black pixel at its lower bound has a change of 0
    brought = torch.cat([torch.where(low, *box), draws[:, :-1]], 1)
    return brought.where(memory.moved[:, None, None], draws)


def _draws(cohort: Cohort, box: Box, count: int) -> Tensor:
    """The greedy vertex of the likeliest rival, that of the second, where there is one, and vertices of samples."""
    memory = cohort.memory
    posterior = memory.posterior(cohort.noise, RIVALS)
    means, deviations = _draw(cohort, posterior, count - 1)
    slopes = cohort.gradient(means)
    greedy = _vertices(slopes, box)
    predicted = posterior.here + ((greedy - memory.point.unsqueeze(1)) * slopes).sum(2)
    order = predicted.masked_fill(~posterior.followed, torch.inf).argsort(dim=1, stable=True)
    rival, exact = _shares(predicted, posterior, order, count - 1)
    tau = _spread(cohort.basis.size, memory.asked) * _log_uniform(SPREAD, cohort, rival.shape)
    width = (tau * posterior.amplitudes.gather(1, rival).sqrt()).masked_fill(exact, 0)
    lane = torch.arange(len(rival), device=rival.device).unsqueeze(1)
    drawn = cohort.gradient(means[lane, rival].addcmul_(width.unsqueeze(2), deviations))
    return torch.cat([greedy[lane, order[:, :1]], _vertices(drawn, box)], 1)


def _spread(size: int, asked: int) -> float:
    """How much wider draws are late, and of small images: of few numbers, hardly one would change sign."""
    late = max(1, min(asked / WIDENS, WIDEST))
    return min(late * max(1, math.sqrt(3072 / size)), 1 / SPREAD[1])


def _log_uniform(limits: tuple[float, float], cohort: Cohort, shape: tuple[int, ...]) -> Tensor:
    low, high = limits
    return low * (high / low) ** torch.rand(shape, generator=cohort.generator, device=cohort.generator.device)


def _draw(cohort: Cohort, posterior: Posterior, samples: int) -> tuple[Tensor, Tensor]:
    """Posterior means (L, T, size) of the rivals' gradients, and deviations from it (L, samples, size), at amplitude 1.

    Matheron's rule: a prior sample less what the regression makes of its own, noisy, measurements.
    """
    memory, factor = cohort.memory, posterior.factor
    prior = cohort.normal(memory.lanes, samples, cohort.size)
    noise = cohort.normal(*posterior.told.shape, samples) * factor.variance.sqrt().unsqueeze(2)
    weights = factor.solve(memory.along(prior) + noise)
    both = memory.back(slice(0, memory.lanes), torch.cat([posterior.weights, weights], 2))
    means, explained = both.tensor_split([posterior.weights.shape[2]], 1)
    return means, prior - explained


def _shares(predicted: Tensor, posterior: Posterior, order: Tensor, samples: int) -> tuple[Tensor, Tensor]:
    """(L, samples) the rival of each sample: the second of the first one and, where it is close, of the last quarter;
    of all others the likeliest. And which of them is to be the mean itself: the first one, where there are two."""
    first, second = order[:, :1], order[:, 1:2] if order.shape[1] > 1 else order[:, :1]
    exists = posterior.followed.gather(1, second) & (second != first)
    reach = predicted.gather(1, first) + 1.5 * posterior.amplitudes.gather(1, second).sqrt()
    close = exists & (predicted.gather(1, second) < reach)
    sample = torch.arange(samples, device=order.device)
    exact = exists & (sample == 0)
    return second.where(exact | (close & (sample >= samples - samples // 4)), first), exact
