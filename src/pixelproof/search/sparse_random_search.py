"""A (1+λ) random search for few pixels: shift, recolour, teleport."""

from dataclasses import dataclass

import torch
from torch import Tensor

from pixelproof.search.drawn_ahead import AHEAD, current, ordinals, refill, whole
from pixelproof.search.pixel_random import PixelRandomSearch, PixelState
from pixelproof.search.search import require_finite

BLOBS = 10  # candidates made from nothing, before the first change of one pixel
SHIFT, FLIP = 0.5, 0.15  # how often; the rest teleports
JOIN = 0.5  # share of the shifts that go beside another pixel
STEP = (5.0, 1.5)  # standard deviation of a shift in pixels of a 32×32 image, first and last
STEP_FALLS = 300  # candidates over which it falls
TRIES = 3  # places drawn for a pixel, of which the first free one is taken
UNIFORM = 5  # numbers a candidate: move, pixel, other pixel, colour, channel


@dataclass
class Pixels(PixelState):
    image: Tensor  # (lanes, H * W, C): clean, or mid-grey when there is none
    uniform: Tensor  # (lanes, AHEAD, population * UNIFORM)
    normal: Tensor  # (lanes, AHEAD, population * TRIES * 2)


class SparseRandomSearch(PixelRandomSearch[Pixels]):
    """Random search over few pixels whose channels are 0 or 255 ("corner colours"), one pixel changed at a time.

    pixels: th. shape: (H, W, C). warm: begin from `start`. population: candidates of one round, all made from the same
    incumbent, of which the best is kept if it is better. A point is th × (row, column, C values), rows from 0 to H-1,
    columns from 0 to W-1, values from 0 to 255.

    The first 10 candidates are blobs: th adjacent pixels of one colour, around a centre that is normal about the
    middle with deviation H/4, W/4. Each later one changes one pixel of the incumbent, at random:
    - with 0.50 it shifts: half the time it moves by a rounded normal vector, else it jumps beside another of the pixels
      (the same law) and takes its colour. The deviation falls linearly from 5 to 1.5 pixels over 300 candidates
      where a side is 32 pixels, in proportion where it is not, and never below 1;
    - with 0.15 one of its channels flips between 0 and 255;
    - with 0.35 it teleports: a place as for a blob's centre, a new colour.
    A new colour c is drawn from the corners with probability in proportion to |c - x|³, x the clean pixel there, since
    effects grow with the distance. A moved pixel takes the first of 3 drawn places that no pixel holds.

    This follows the random search of Sparse-RS (F. Croce et al., AAAI 2022, arXiv 2006.12834) but for the moves, which
    use that neighbouring pixels have similar effects; Sparse-RS draws places and colours uniformly.

    warm: the first candidate is `start` itself, with places and values brought to whole ones inside the image; there
    are no blobs, and the deviation of shifts is at its last value. Otherwise `start` is ignored.

    The bounds are not read: rows, columns and values are as above. `images` of `add` are the clean images; without
    them all corner colours are equally likely. A lane is never stalled.

    Memory: the clean image, and some 5,000 numbers a lane and candidate of a round.

    Raises ValueError for less than one pixel, a shape without a pixel or a population below 1, for images of another
    shape, and for a warm start that is not finite.
    """

    def __init__(self, pixels: int, shape: tuple[int, int, int], warm: bool = False, population: int = 1) -> None:
        super().__init__(pixels, shape, population)
        self.warm = warm
        self._sides = torch.tensor(shape[:2], dtype=torch.float32)
        self._channels = torch.arange(shape[2])
        self._blob = torch.tensor(nearest_offsets(pixels, shape), dtype=torch.float32)

    def incumbent(self, lane: int) -> Tensor:
        """The best point of a lane so far, (dimension,) float32, a copy; at first the warm start, or zeros.

        Raises IndexError when there is no such lane.
        """
        if self._state is None or not 0 <= lane < self.lanes:
            raise IndexError(f"lane is {lane}, {self.lanes} are held")
        return self._state.genome[lane].flatten().clone()

    def _begin(self, start: Tensor, lower: Tensor, upper: Tensor, images: Tensor | None) -> Pixels:
        count, (height, width, channels) = len(start), self.shape
        if images is not None and images.shape != (count, *self.shape):
            raise ValueError(f"images are {tuple(images.shape)}, must be {(count, *self.shape)}")
        if images is None:
            images = start.new_full((count, *self.shape), 127.5)
        self._sides, self._channels = self._sides.to(start.device), self._channels.to(start.device)
        self._blob, self._corners = self._blob.to(start.device), self._corners.to(start.device)
        return Pixels(
            genome=self._whole(start) if self.warm else start.new_zeros(count, self.pixels, 2 + channels),
            fitness=start.new_full((count,), torch.inf, dtype=torch.float64),
            rounds=torch.zeros(count, dtype=torch.int64, device=start.device),
            image=images.reshape(count, height * width, channels),
            uniform=start.new_zeros(count, AHEAD, self.population * UNIFORM),
            normal=start.new_zeros(count, AHEAD, self.population * TRIES * 2),
        )

    def _whole(self, start: Tensor) -> Tensor:
        """(lanes, pixels, 2 + C): places wrapped into the image, values clipped, both whole."""
        require_finite("start is", start)
        genome = start.view(len(start), self.pixels, -1).clone()
        genome[..., :2] = genome[..., :2].floor().remainder(self._sides)
        genome[..., 2:] = genome[..., 2:].round().clamp(0, 255)
        return genome

    def _propose(self, state: Pixels) -> Tensor:
        refill(state.rounds, self._generators, state.uniform, state.normal)
        uniform = current(state.rounds, state.uniform).view(-1, self.population, UNIFORM)
        normal = current(state.rounds, state.normal).view(-1, self.population, TRIES, 2)
        made = self._move_one(state, uniform, normal)
        self._fill_first(state, uniform, normal, made)
        self._candidates = made
        return made.flatten(2)

    def _move_one(self, state: Pixels, uniform: Tensor, normal: Tensor) -> Tensor:
        """The incumbent with one pixel changed, (lanes, population, pixels, 2 + C)."""
        move, chosen = uniform[..., 0], whole(uniform[..., 1], self.pixels)
        teleports, flips = (move >= SHIFT + FLIP)[..., None], ((move >= SHIFT) & (move < SHIFT + FLIP))[..., None]
        other = (chosen + 1 + whole(uniform[..., 2], max(self.pixels - 1, 1))) % self.pixels
        base = pick_rows(state.genome, torch.where(move < SHIFT * JOIN, other, chosen))
        old_place, old_colour = base[..., :2], base[..., 2:]
        place = self._free_place(state, old_place, teleports, normal)
        colour = torch.where(teleports, self._draw_colour(state, place, uniform[..., 3]), old_colour)
        turned = flips & (whole(uniform[..., 4:], self.shape[2]) == self._channels)
        colour = torch.where(turned, (old_colour < 127.5) * 255.0, colour)
        changed = torch.cat([torch.where(flips, old_place, place), colour], -1)
        genome = state.genome[:, None].repeat(1, self.population, 1, 1)
        return genome.scatter_(2, chosen[..., None, None].expand(-1, -1, 1, changed.shape[-1]), changed[:, :, None])

    def _free_place(self, state: Pixels, base: Tensor, teleports: Tensor, normal: Tensor) -> Tensor:
        """Row and column, (lanes, population, 2): about the middle or about base, the first that is not taken."""
        about = torch.where(teleports, self._sides / 2, base)[:, :, None]
        spread = torch.where(teleports, self._sides / 4, self._step(state)[:, None])[:, :, None]
        return self._first_free(state, self._inside((normal * spread).add_(about)))

    def _first_free(self, state: Pixels, places: Tensor) -> Tensor:
        """Of places (lanes, population, n, 2) the first that no pixel of the incumbent holds; else the first."""
        width = self.shape[1]
        code, held = (rows[..., 0] * width + rows[..., 1] for rows in (places, state.genome))
        taken = (code[..., None] == held[:, None, None]).any(-1)
        first = taken.byte().argmin(-1)
        return pick_rows(places.flatten(0, 1), first.view(-1, 1)).view(*first.shape, 2)

    def _step(self, state: Pixels) -> Tensor:
        """(lanes, 2): the standard deviation of a shift in rows and in columns, in pixels."""
        if self.warm:
            return (STEP[1] * self._sides / 32).clamp(min=1).expand(self.lanes, 2)
        fallen = (state.rounds[:, None] * self.population).clamp(max=STEP_FALLS) / STEP_FALLS
        return ((STEP[0] - fallen * (STEP[0] - STEP[1])) * (self._sides / 32)).clamp_(min=1)

    def _inside(self, places: Tensor) -> Tensor:
        """Places (…, 2) rounded and clipped to the image, in place."""
        return places.round_().clamp_(torch.zeros_like(self._sides), self._sides - 1)

    def _draw_colour(self, state: Pixels, place: Tensor, uniform: Tensor) -> Tensor:
        """A corner colour for each place (lanes, population, 2), likelier far from the clean pixel; (…, C)."""
        where = (place[..., 0] * self.shape[1] + place[..., 1]).long()
        clean = pick_rows(state.image, where)
        squares = (clean[..., None, :] - self._corners).square_()
        total = squares[..., 0]
        for channel in range(1, self.shape[2]):  # not a sum over an axis, whose order might depend on the lanes
            total = total + squares[..., channel]
        weight = (total * total.sqrt()).cumsum(-1)
        index = (weight < uniform[..., None] * weight[..., -1:]).sum(-1).clamp_(max=len(self._corners) - 1)
        return self._corners[index]

    def _fill_first(self, state: Pixels, uniform: Tensor, normal: Tensor, made: Tensor) -> None:
        """Put the blobs, or the warm starts, in their place among the candidates."""
        if self.warm:
            made[:, 0] = torch.where((state.rounds == 0)[:, None, None], state.genome, made[:, 0])
            return
        number = ordinals(state.rounds, self.population)
        early = (number < BLOBS) | (state.rounds == 0)[:, None]
        if not bool(early.any()):
            return
        centre = (normal[..., 0, :] * (self._sides / 4) + self._sides / 2).round_()
        centre = centre.clamp_(-self._blob.amin(0), self._sides - 1 - self._blob.amax(0))
        colour = self._draw_colour(state, centre, uniform[..., 3])[:, :, None].expand(-1, -1, self.pixels, -1)
        blobs = torch.cat([centre[:, :, None] + self._blob, colour], -1)
        made.copy_(torch.where(early[..., None, None], blobs, made))


def pick_rows(rows: Tensor, which: Tensor) -> Tensor:
    """(n, j, k): of rows (n, m, k) those that which, (n, j) int64, names."""
    return rows.gather(1, which[..., None].expand(-1, -1, rows.shape[2]))


def nearest_offsets(count: int, shape: tuple[int, int, int]) -> list[tuple[int, int]]:
    """`count` (row, column) offsets nearest to (0, 0), such that they fit an H×W image; repeated when it has fewer."""
    height, width = (min(side, 2 * count + 1) for side in shape[:2])
    places = [
        (row, column)
        for row in range(-((height - 1) // 2), height // 2 + 1)
        for column in range(-((width - 1) // 2), width // 2 + 1)
    ]
    places.sort(key=lambda place: (place[0] ** 2 + place[1] ** 2, place))
    return [places[k % len(places)] for k in range(count)]
