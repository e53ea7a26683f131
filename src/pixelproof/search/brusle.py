"""BruSLeAttack for few pixels, to compare with."""

from dataclasses import dataclass

import torch
from torch import Tensor

from pixelproof.search.drawn_ahead import AHEAD, current, refill
from pixelproof.search.search import LaneSearch, LaneState

MASKS = 10  # drawn at random, of which the best is the first incumbent (rand_init)
SHARE = 0.05  # λ₀, the share of the mask that is exchanged, before it falls
M_1, M_2 = 0.24, 0.997  # how it falls: by a power, and by steps
PRIOR = 0.01  # z, beside both counts


@dataclass
class Masks(LaneState):
    """An image has H * W = P places."""

    places: Tensor  # (lanes, pixels) int64: the incumbent u, row by row through the image
    fitness: Tensor  # (lanes,) float64, of the incumbent
    rounds: Tensor  # (lanes,) int64, done
    colours: Tensor  # (lanes, P, C): the synthetic image x'
    distance: Tensor  # (lanes, P): D, of x' from the clean image
    asked: Tensor  # (lanes, P): n, candidates that had the place, or took it out
    needed: Tensor  # (lanes, P): a, those that took it out and were no better
    uniform: Tensor  # (lanes, AHEAD, P)


class BruSLe(LaneSearch[Masks]):
    """Few pixels that become those of one fixed random image: V. Q. Vo, E. Abbasnejad, D. C. Ranasinghe, BruSLeAttack,
    ICLR 2024, arXiv 2404.05311.

    pixels: B, the size of the mask. shape: (H, W, C). A point is B × (row, column, C values), rows from 0 to H-1,
    columns from 0 to W-1, values 0 or 255; no place twice.

    Every lane draws a synthetic image x' once, a corner colour for each place, and seeks the places u where it replaces
    the clean image. The first 10 candidates are B random places each. A later one, the t-th, is the incumbent with
    λ B of its places exchanged, rounded down, at least one, where λ = λ₀ (t^-m₁ + m₂^t) / 2. A place is kept with odds
    θ, and a free one is taken with odds θ D, without repetition: θ is the mean of a Dirichlet distribution, and D the
    distance of the colours. θ is proportional to (a + z) / (n + z), where n counts the candidates that the place was in
    or was taken out for, and a those of them that took it out and were no better. So a place is sought while it is
    untried, and again where it proved needed.

    What is said beside lines, and whatever a description of the method leaves open, is of the authors' program
    (github.com/BruSLiAttack/BruSLiAttack.github.io, brusleattack.py and the notebook beside it), which was read for its
    facts; the paper's own text, and so the numbers of its equations, were not at hand. From there are that the
    incumbent stays where losses are equal, that pixels of the first masks are counted in n, and the hyper-parameters:
    10 masks, m₁ = 0.24, m₂ = 0.997, z = 0.01. λ₀ is 0.05, as for ImageNet. None follows the image's size. For CIFAR-10
    it states no λ₀; its default, 0.01, exchanges one pixel of up to 26 as 0.05 does, and with 10 pixels 0.3 needed as
    many queries here.

    Departures: the loss is the fitness that is told, where the program has the margin of probabilities, or the cross
    entropy to a target; each lane has an x' of its own, where it has one seed for all images; an image among the first
    10 that fools ends the search; and D is at least 10⁻³ grey levels, so that there is always a place to go to.

    Measured on 30 images of CIFAR-10 and a public ResNet-20, 1,000 queries, for 3, 5 and 10 pixels: 73, 93 and 100 %
    fooled with 389, 160 and 33 queries (a failure counted as 1,000); the authors' program 83, 90 and 100 % with 351,
    155 and 33. Three seeds more, by pixels: 73 to 80, 93 to 100 and 100 %, with 335 to 365, 112 to 144 and 37 to 45.

    `start` and the bounds are not read. `images` of `add` are the clean ones; without them D is the same everywhere. A
    lane is never stalled.

    Memory: 64 numbers a lane and place, drawn ahead.

    Raises ValueError for less than one pixel or more than the image has, a shape without a pixel, and for images of
    another shape.
    """

    def __init__(self, pixels: int, shape: tuple[int, int, int]) -> None:
        super().__init__(pixels * (2 + shape[2]), 1, smallest_population=1)
        if min(shape) < 1:
            raise ValueError(f"shape is {shape}, each side must be at least 1")
        self._count = shape[0] * shape[1]
        if not 1 <= pixels <= self._count:
            raise ValueError(f"pixels is {pixels}, must be from 1 to {self._count}")
        self.pixels, self.shape = pixels, shape
        self._most = max(1, int(self._exchanged(torch.tensor([MASKS]))))  # places exchanged by any candidate
        self._candidate = self._before = self._taken_out = torch.empty(0)

    def _begin(self, start: Tensor, lower: Tensor, upper: Tensor, images: Tensor | None) -> Masks:
        count, places = len(start), self._count
        if images is not None and images.shape != (count, *self.shape):
            raise ValueError(f"images are {tuple(images.shape)}, must be {(count, *self.shape)}")
        clean = start.new_full((count, *self.shape), 127.5) if images is None else images
        colours = torch.stack([self._synthetic(generator, start.device) for generator in self._beginning])
        return Masks(
            places=torch.zeros(count, self.pixels, dtype=torch.int64, device=start.device),
            fitness=start.new_full((count,), torch.inf, dtype=torch.float64),
            rounds=torch.zeros(count, dtype=torch.int64, device=start.device),
            colours=colours,
            distance=_mean_distance(colours, clean.reshape(count, places, -1)).clamp_(min=1e-3),
            asked=start.new_zeros(count, places),
            needed=start.new_zeros(count, places),
            uniform=start.new_zeros(count, AHEAD, places),
        )

    def _synthetic(self, generator: torch.Generator, device: torch.device) -> Tensor:
        """A corner colour for each place, (P, C)."""
        return 255.0 * torch.randint(2, (self._count, self.shape[2]), generator=generator, device=device)

    def _propose(self, state: Masks) -> Tensor:
        refill(state.rounds, self._generators, state.uniform)
        waits = -(-current(state.rounds, state.uniform)).log1p()  # ~ Exp(1), (lanes, P)
        self._exchange(state, waits)
        early = (state.rounds < MASKS)[:, None]
        if bool(early.any()):
            drawn = waits.topk(self.pixels, largest=False).indices
            self._candidate = torch.where(early, drawn, self._candidate)
            self._taken_out = self._taken_out & ~early
        return self._points(state).flatten(1)[:, None]

    def _exchange(self, state: Masks, waits: Tensor) -> None:
        """The candidate, (lanes, pixels) places, which of the incumbent's it took out, and these in the same order.

        Whoever waits the shortest, at a rate of its odds, is drawn first: a draw without repetition.
        """
        odds = self._odds(state)
        held = (waits / odds).gather(1, state.places)  # sampling, 1
        free = (waits / (odds * state.distance)).scatter_(1, state.places, torch.inf)  # sampling, 2
        self._before = state.places.gather(1, held.argsort(dim=1, stable=True))
        new = free.topk(self._most, largest=False).indices
        rank = torch.arange(self.pixels, device=self._device) - (self.pixels - self._exchanged(state.rounds)[:, None])
        self._taken_out = rank >= 0
        self._candidate = torch.where(self._taken_out, new.gather(1, rank.clamp(0, self._most - 1)), self._before)

    def _odds(self, state: Masks) -> Tensor:
        """To what the mean θ of the Dirichlet distribution is proportional, (lanes, P): 1 where nothing is known."""
        return (state.needed + PRIOR) / (state.asked + PRIOR)

    def _exchanged(self, rounds: Tensor) -> Tensor:
        """How many places the next candidate of a lane exchanges, int64; rounds (…,) int64, done."""
        number = (rounds + 1).double()
        share = SHARE * (number**-M_1 + M_2**number) / 2  # λ: power_stepdecay_scheduler
        return (share * self.pixels).long().clamp(min=1).clamp(max=self._count - self.pixels)

    def _points(self, state: Masks) -> Tensor:
        """The candidate as (lanes, pixels, 2 + C): row, column, values."""
        width, place = self.shape[1], self._candidate[..., None]
        colour = state.colours.gather(1, place.expand(-1, -1, self.shape[2]))
        return torch.cat([place // width, place % width, colour], -1)

    def _learn(self, state: Masks, fitness: Tensor, margins: Tensor | None) -> None:
        told = fitness.squeeze(1).double()
        better = told < state.fitness  # selection
        taken_out = self._taken_out.to(state.asked)
        state.asked.scatter_add_(1, self._candidate, torch.ones_like(taken_out))  # n, a: perturb, 2d
        state.asked.scatter_add_(1, self._before, taken_out)
        state.needed.scatter_add_(1, self._before, taken_out * ~better[:, None])

        state.fitness = torch.where(better, told, state.fitness)
        state.places = torch.where(better[:, None], self._candidate, state.places)
        state.rounds += 1

    def _exhausted(self, state: Masks) -> Tensor:
        return torch.zeros(self.lanes, dtype=torch.bool)


def _mean_distance(one: Tensor, other: Tensor) -> Tensor:
    """How far the colours of two images lie from each other, (lanes, P), in grey levels of a channel; (lanes, P, C)."""
    apart = (one - other).abs()
    total = apart[..., 0]
    for channel in range(1, apart.shape[2]):  # not a sum over an axis, whose order might depend on the lanes
        total = total + apart[..., channel]
    return total / apart.shape[2]
