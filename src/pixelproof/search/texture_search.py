"""A (1+λ) random search on the vertices of the box, for large images: waves over the whole image, then in windows."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pixelproof.search.drawn_ahead import AHEAD, current, ordinals, refill, whole
from pixelproof.search.search import LaneSearch, LaneState, best_of_round, require_finite

BROAD, NEAR = 40, 24  # candidates that are one wave: drawn from nothing, then near the best of these
BEST = 3  # waves that those are near
MEMORY = 16  # waves that are remembered
PERIODS = (2.5, 40.0)  # pixels, of waves drawn from nothing, log-uniform
FLAT = 0.4  # how often a window drawn from nothing has one colour
CHANGED, RECALLED, LAST = 0.5, 0.3, 0.5  # how often a remembered wave is changed, or taken; and how often the last one
REPHASED, RECOLOURED, TURNED = 0.5, 0.3, 0.3  # how often a window has a phase, or colours, of its own; a sign turns
STRETCH, TURN, SHIFT, UNEVEN = 0.2, 0.15, 1.0, 0.3  # deviations: of log period, direction and phase; of log sides
WIDE, FROM, SHRINKS = 0.2, 100, 0.6  # a window's sides, as a share: WIDE · (candidates / FROM)^-SHRINKS, at most WIDE
LEAST = 2  # pixels of a window's side
UNIFORM, NORMAL = 14, 5  # numbers a candidate, beside two uniform ones a channel


@dataclass
class Textures(LaneState):
    lower: Tensor  # (lanes, dimension)
    upper: Tensor  # (lanes, dimension)
    high: Tensor  # (lanes, H, W, C) bool, the incumbent: where it lies at its upper bound
    fitness: Tensor  # (lanes,) float64, of the incumbent
    memory: Tensor  # (lanes, MEMORY, 3 + C): frequencies down and across, in radians a pixel, phase, signs
    merit: Tensor  # (lanes, MEMORY) float64, ascending: the fitness of those that were whole images
    rounds: Tensor  # (lanes,) int64, done
    fixed: Tensor  # (lanes,) bool: the box is a single point
    uniform: Tensor  # (lanes, AHEAD, population * (UNIFORM + 2 C))
    normal: Tensor  # (lanes, AHEAD, population * NORMAL)


class TextureSearch(LaneSearch[Textures]):
    """Random search over square waves, one sign a channel, at the vertices of the box.

    shape: (H, W, C); a point is an H×W×C change. population: candidates of one round, all made from the same incumbent,
    of which the best is kept if it is better.

    On large images one wave over the whole image moves the margins further than a random vertex does, two to three
    times as far on an EfficientNet: what it adds up to is the answer of one filter everywhere. So the first 40
    candidates are waves of random direction, phase and signs, and of a period from 2.5 to 40 pixels; the next 24 are
    near the best three of these. Each later one puts a wave, or one colour, into a window of the incumbent: with 0.5 a
    changed one of the 16 that helped last, with 0.3 one of these as it is, else a new one. The sides of windows are
    0.2 (n / 100)^-0.6 of those of the image, at most 0.2, times a log-normal factor, after n candidates.

    `start` and the images are not read. A lane is stalled, and infeasible, only when its lower and upper bounds are
    equal.

    Memory: 2¼ arrays of dimension float32 a lane, and the candidates.

    Raises ValueError for a shape without a value or a population below 1.
    """

    def __init__(self, shape: tuple[int, int, int], population: int = 1) -> None:
        super().__init__(math.prod(shape), population, smallest_population=1)
        self.shape = shape
        self._waves = self._high = torch.empty(0)  # of the last ask

    def _begin(self, start: Tensor, lower: Tensor, upper: Tensor, images: Tensor | None) -> Textures:
        require_finite("bounds are", lower, upper)
        count, channels, device = len(start), self.shape[2], start.device
        return Textures(
            lower=lower,
            upper=upper,
            high=torch.zeros(count, *self.shape, dtype=torch.bool, device=device),
            fitness=start.new_full((count,), torch.inf, dtype=torch.float64),
            memory=start.new_ones(count, MEMORY, 3 + channels),
            merit=start.new_full((count, MEMORY), torch.inf, dtype=torch.float64),
            rounds=torch.zeros(count, dtype=torch.int64, device=device),
            fixed=(lower == upper).all(1),
            uniform=start.new_zeros(count, AHEAD, self.population * (UNIFORM + 2 * channels)),
            normal=start.new_zeros(count, AHEAD, self.population * NORMAL),
        )

    def _propose(self, state: Textures) -> Tensor:
        refill(state.rounds, self._generators, state.uniform, state.normal)
        uniform = current(state.rounds, state.uniform).view(self.lanes, self.population, -1)
        normal = current(state.rounds, state.normal).view(self.lanes, self.population, -1)
        number = ordinals(state.rounds, self.population)
        self._waves = self._chosen(state, number, uniform, normal)
        high = self._shown(self._waves)
        inside = self._window(number, uniform[..., 12:14], normal[..., 3:])
        self._high = torch.where(inside, high, state.high[:, None])
        return torch.where(self._high.flatten(2), state.upper[:, None], state.lower[:, None])

    def _chosen(self, state: Textures, number: Tensor, uniform: Tensor, normal: Tensor) -> Tensor:
        """The waves of this round, (lanes, population, 3 + C)."""
        channels = self.shape[2]
        own, others = uniform[..., UNIFORM : UNIFORM + channels], uniform[..., UNIFORM + channels :]
        whole_image, kind = number < BROAD + NEAR, uniform[..., 0]
        new = _drawn(uniform[..., 1:5], own, flat=~whole_image)
        recalled = whole(uniform[..., 6], MEMORY).where((kind >= CHANGED) | (uniform[..., 5] >= LAST), 0)
        recalled = torch.where(whole_image, whole(uniform[..., 6], BEST), recalled)
        old = state.memory.gather(1, recalled[..., None].expand(-1, -1, 3 + channels))
        changed = _changed(old, uniform[..., 7:9], normal)
        kind = kind[..., None]
        made = torch.where(kind < CHANGED, changed, torch.where(kind < CHANGED + RECALLED, old, new))
        phase = torch.where(uniform[..., 9] < REPHASED, 2 * math.pi * uniform[..., 10], made[..., 2])
        signs = torch.where(uniform[..., 11, None] < RECOLOURED, _signs(others), made[..., 3:])
        made = torch.cat([made[..., :2], phase[..., None], signs], -1)
        return torch.where((number < BROAD)[..., None], new, torch.where(whole_image[..., None], changed, made))

    def _shown(self, waves: Tensor) -> Tensor:
        """Where waves (lanes, population, 3 + C) are high, (lanes, population, H, W, C) bool."""
        row, column = (torch.arange(side, device=self._device) for side in self.shape[:2])
        down, across = waves[..., 0, None] * row + waves[..., 2, None], waves[..., 1, None] * column
        # sin(a + b), of a along the rows and b along the columns
        value = down.sin()[..., None] * across.cos()[..., None, :] + down.cos()[..., None] * across.sin()[..., None, :]
        return (value >= 0)[..., None] == (waves[..., None, None, 3:] > 0)

    def _window(self, number: Tensor, uniform: Tensor, normal: Tensor) -> Tensor:
        """Where candidates may differ from the incumbent, (lanes, population, H, W, 1) bool."""
        share = WIDE * (number / FROM).clamp(min=1) ** -SHRINKS
        axes = []
        for axis, size in enumerate(self.shape[:2]):
            side = (size * share * (UNEVEN * normal[..., axis]).exp()).round().long().clamp(min(LEAST, size), size)
            side = side.where(number >= BROAD + NEAR, size)
            first = whole(uniform[..., axis], size + 1 - side)[..., None]
            place = torch.arange(size, device=self._device)
            axes.append((place >= first) & (place < first + side[..., None]))
        return (axes[0][..., None] & axes[1][..., None, :])[..., None]

    def _learn(self, state: Textures, fitness: Tensor, margins: Tensor | None) -> None:
        best, better, state.fitness = best_of_round(fitness, state.fitness)
        lane = torch.arange(self.lanes, device=self._device)
        state.high = torch.where(better[:, None, None, None], self._high[lane, best], state.high)
        whole_image = ordinals(state.rounds, self.population) < BROAD + NEAR
        self._remember(state, fitness.double().masked_fill(~whole_image, torch.inf))
        helped = better & ~whole_image[lane, best]
        recent = torch.cat([self._waves[lane, best][:, None], state.memory[:, :-1]], 1)
        state.memory = torch.where(helped[:, None, None], recent, state.memory)
        state.rounds += 1
        self._waves = self._high = torch.empty(0)

    def _remember(self, state: Textures, fitness: Tensor) -> None:
        """Keep the best of waves that were whole images, in their order; fitness (lanes, population), +inf of windows,
        which come last and so change nothing."""
        merit, order = torch.cat([state.merit, fitness], 1).sort(dim=1, stable=True)
        both, order = torch.cat([state.memory, self._waves], 1), order[:, :MEMORY, None]
        state.memory = both.gather(1, order.expand(-1, -1, both.shape[2]))
        state.merit = merit[:, :MEMORY]

    def _exhausted(self, state: Textures) -> Tensor:
        return state.fixed

    def _infeasible(self, state: Textures) -> Tensor:
        return state.fixed


def _drawn(uniform: Tensor, signs: Tensor, flat: Tensor) -> Tensor:
    """Waves from nothing, (…, 3 + C), of numbers (…, 4) and (…, C); some, where ``flat`` (…,), of one colour."""
    low, high = PERIODS
    frequency = 2 * math.pi / (low * (high / low) ** uniform[..., 0])
    frequency = frequency.masked_fill(flat & (uniform[..., 3] < FLAT), 0)
    angle, phase = math.pi * uniform[..., 1], 2 * math.pi * uniform[..., 2]
    wave = torch.stack([frequency * angle.sin(), frequency * angle.cos(), phase], -1)
    return torch.cat([wave, _signs(signs)], -1)


def _signs(uniform: Tensor) -> Tensor:
    """-1 or 1, of numbers in [0, 1)."""
    return torch.where(uniform < 0.5, -1.0, 1.0)


def _changed(waves: Tensor, uniform: Tensor, normal: Tensor) -> Tensor:
    """Waves (…, 3 + C) a little stretched, turned and shifted; of some, one channel's sign is another."""
    stretch, turn = (STRETCH * normal[..., 0]).exp(), TURN * normal[..., 1]
    down, across = waves[..., 0], waves[..., 1]
    # A period below two pixels would be seen as another one.
    stretch = stretch.minimum(math.pi / torch.hypot(down, across).clamp(min=1e-6))
    turned = [turn.cos() * down + turn.sin() * across, turn.cos() * across - turn.sin() * down]
    wave = torch.stack([*(stretch * each for each in turned), waves[..., 2] + SHIFT * normal[..., 2]], -1)
    signs = waves[..., 3:]
    channel = torch.arange(signs.shape[-1], device=signs.device)
    other = (uniform[..., 0, None] < TURNED) & (channel == whole(uniform[..., 1, None], signs.shape[-1]))
    return torch.cat([wave, signs.where(~other, -signs)], -1)
