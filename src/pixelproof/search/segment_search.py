"""A (1+λ) random search for few pixels of large images: straight segments of one colour, which then dissolve."""

from dataclasses import dataclass

import torch
from torch import Tensor

from pixelproof.search.drawn_ahead import AHEAD, current, ordinals, refill, whole
from pixelproof.search.pixel_random import PixelRandomSearch, PixelState

STARTS = 36  # candidates made from nothing, before the first change
SEGMENTS = ((100, 4), (20, 2), (1, 1))  # of a start: from so many pixels on, so many segments
LONGEST, SHRINKS = 0.35, 0.9975  # share of the pixels that a change may take, and how it falls with a candidate
NEAR = 0.7  # how often the pixels taken are the nearest to one of them; else any
SHIFT, RECOLOUR = 0.35, 0.2  # how often; the rest lays a new segment
STEP = (2.0, 20.0)  # standard deviations of a shift in pixels of a 224×224 image, short and long
UNIFORM = 9  # numbers a candidate, and one more a pixel


@dataclass
class Segments(PixelState):
    uniform: Tensor  # (lanes, AHEAD, population * numbers)
    normal: Tensor  # (lanes, AHEAD, population * 3)


class SegmentSearch(PixelRandomSearch[Segments]):
    """Random search over few pixels whose channels are 0 or 255: straight segments, changed piece by piece.

    pixels: th. shape: (H, W, C). population: candidates of one round, all made from the same incumbent, of which the
    best is kept if it is better. A point is th × (row, column, C values), rows from 0 to H-1, columns from 0 to W-1,
    values 0 or 255. Two pixels may lie at one place, where the later one counts.

    On large images the pixels of a straight segment of one colour take away more of the margin than as many scattered
    ones do, but a set of segments soon cannot be bettered as such. So the first 36 candidates are 4 random segments
    (2 below 100 pixels, 1 below 20), along rows or columns, of one corner colour each. Each later one takes a piece of
    the incumbent, of a length drawn log-uniformly up to 0.35 th, which falls by 0.25 % a candidate; with 0.7 the pixels
    nearest to one of them, else any; and
    - with 0.35 shifts it by a rounded normal vector, of a deviation that is 2 or 20 times |N(0, 1)| where a side is 224
      pixels; what leaves the image comes in on the other side;
    - with 0.2 gives it one new corner colour;
    - with 0.45 lays it anew, as one segment of one colour.

    `start`, the bounds and the images are not read. A lane is never stalled.

    Memory: 64 × (12 + th) numbers a lane and candidate of a round.

    Raises ValueError for less than one pixel, a shape without a pixel or a population below 1.
    """

    def __init__(self, pixels: int, shape: tuple[int, int, int], population: int = 1) -> None:
        if pixels < 1:
            raise ValueError(f"pixels is {pixels}, must be at least 1")
        super().__init__(pixels, shape, population)
        self._segments = next(count for least, count in SEGMENTS if pixels >= least)
        self._numbers = max(UNIFORM + pixels, 4 * self._segments)
        self._sides = torch.tensor(shape[:2])

    def _begin(self, start: Tensor, lower: Tensor, upper: Tensor, images: Tensor | None) -> Segments:
        count = len(start)
        self._sides, self._corners = self._sides.to(start.device), self._corners.to(start.device)
        return Segments(
            genome=start.new_zeros(count, self.pixels, 2 + self.shape[2]),
            fitness=start.new_full((count,), torch.inf, dtype=torch.float64),
            rounds=torch.zeros(count, dtype=torch.int64, device=start.device),
            uniform=start.new_zeros(count, AHEAD, self.population * self._numbers),
            normal=start.new_zeros(count, AHEAD, self.population * 3),
        )

    def _propose(self, state: Segments) -> Tensor:
        refill(state.rounds, self._generators, state.uniform, state.normal)
        uniform = current(state.rounds, state.uniform).view(self.lanes, self.population, -1)
        normal = current(state.rounds, state.normal).view(self.lanes, self.population, 3)
        number = ordinals(state.rounds, self.population)
        early = (number < STARTS) | (state.rounds == 0)[:, None]
        made = self._changed(state, number, uniform, normal)
        if bool(early.any()):
            made = torch.where(early[..., None, None], self._laid(uniform), made)
        self._candidates = made
        return made.flatten(2)

    def _laid(self, uniform: Tensor) -> Tensor:
        """Segments from nothing, (lanes, population, pixels, 2 + C)."""
        count, lengths = self._segments, -(-self.pixels // self._segments)
        which = torch.arange(self.pixels, device=self._device) // lengths
        drawn = uniform[..., : 4 * count].reshape(*uniform.shape[:-1], count, 4)[..., which, :]
        rank = torch.arange(self.pixels, device=self._device) % lengths
        length = torch.full_like(drawn[..., 0], lengths).long()
        return torch.cat([self._along(drawn, rank, length), self._colour(drawn[..., 3])], -1)

    def _along(self, uniform: Tensor, rank: Tensor, length: Tensor) -> Tensor:
        """Places (…, 2) of the pixels that stand at ``rank`` of a segment of ``length``, (…,), drawn by (…, 3)."""
        across = (uniform[..., 2] < 0.5).long()  # the axis it follows: 1 along a row
        sides = self._sides.expand(*uniform.shape[:-1], 2)
        side = sides.gather(-1, across[..., None]).squeeze(-1)
        first = whole(uniform[..., 0], (side - length + 1).clamp(min=1))
        fixed = whole(uniform[..., 1:2], sides)
        return fixed.scatter(-1, across[..., None], ((first + rank) % side)[..., None]).to(uniform)

    def _colour(self, uniform: Tensor) -> Tensor:
        """Corner colours, (…, C), of numbers (…,)."""
        return self._corners[whole(uniform, len(self._corners))]

    def _changed(self, state: Segments, number: Tensor, uniform: Tensor, normal: Tensor) -> Tensor:
        """The incumbent with a piece of it changed, (lanes, population, pixels, 2 + C); candidates' number (lanes,
        population)."""
        places, colours = state.genome[:, None, :, :2], state.genome[:, None, :, 2:]
        length = self._length(number, uniform[..., 0])
        rank = self._rank(places, uniform)
        piece = (rank < length[..., None])[..., None]
        kind = uniform[..., 2, None, None]
        shifts, lays = kind < SHIFT, kind >= SHIFT + RECOLOUR
        drawn = uniform[..., None, 4:7].expand(-1, -1, self.pixels, -1)
        segment = self._along(drawn, rank, length[..., None].expand_as(rank))
        moved = (places + self._step(uniform[..., 3], normal)[:, :, None]).remainder(self._sides)
        place = torch.where(piece & lays, segment, torch.where(piece & shifts, moved, places))
        colour = torch.where(piece & ~shifts, self._colour(uniform[..., 7])[:, :, None], colours)
        return torch.cat([place, colour], -1)

    def _length(self, number: Tensor, uniform: Tensor) -> Tensor:
        """How many pixels are taken, int64, log-uniform; both arguments (lanes, population)."""
        longest = (LONGEST * self.pixels * SHRINKS**number).clamp(min=2)
        return longest.pow(uniform).round().long().clamp(1, self.pixels)

    def _rank(self, places: Tensor, uniform: Tensor) -> Tensor:
        """The order in which the pixels are taken, (lanes, population, pixels) int64."""
        waits = uniform[..., UNIFORM : UNIFORM + self.pixels]
        pivot = whole(uniform[..., 8], self.pixels)[..., None, None].expand(-1, -1, -1, 2)
        apart = (places - places.expand(-1, self.population, -1, -1).gather(2, pivot)).abs().amax(-1)
        near = (uniform[..., 1] < NEAR)[..., None]
        order = torch.where(near, apart + 0.5 * waits, waits).argsort(dim=-1, stable=True)
        return torch.empty_like(order).scatter_(
            -1, order, torch.arange(self.pixels, device=order.device).expand_as(order)
        )

    def _step(self, uniform: Tensor, normal: Tensor) -> Tensor:
        """(lanes, population, 2): by how many rows and columns a piece shifts."""
        spread = torch.where(uniform < 0.5, *STEP) * normal[..., 2].abs()
        return (normal[..., :2] * (spread[..., None] * self._sides / 224).clamp(min=1)).round()
