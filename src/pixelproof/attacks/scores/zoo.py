"""ZOO: Carlini & Wagner's L2 attack with slopes taken from scores, coordinate by coordinate.

P.-Y. Chen, H. Zhang, Y. Sharma, J. Yi, C.-J. Hsieh, "ZOO: Zeroth Order Optimization Based Black-box Attacks to Deep
Neural Networks without Training Substitute Models", AISec 2017; eqs. (4) to (6) and algorithm 2 (ZOO-ADAM).
"""

from dataclasses import dataclass
from itertools import count

import torch
from torch import Tensor

from pixelproof.attacks.attack import Attack
from pixelproof.attacks.goal import Goal
from pixelproof.attacks.nearest import Nearest
from pixelproof.attacks.oracle import Oracle
from pixelproof.seeds import Streams

PROBE = 1 / 255  # h: the authors' 0.0001 is lost in 8 bits
DECAY, SQUARE_DECAY = 0.9, 0.999  # β₁, β₂
CHUNK = 32  # coordinates of a sample held in memory at once, as two images each


@dataclass(frozen=True)
class ZOO(Attack):
    """Nearest image in L2: Adam on ‖x − x₀‖² + c · margin, ``coordinates`` of each image at a time.

    A coordinate costs two queries, and moves by about ``step`` grey levels (the authors' η = 0.01), which falls to
    nothing, from the first image that fools on, as queries are spent. Every pass visits all coordinates once, in
    random order. ``constant`` is where c begins; each of ``searches`` multiplies it by ten until an image fools, then
    halves its interval, and takes its share of ``queries``, the most that a sample gets. Where an image fools, its
    margin has no part in the loss (κ = 0), and its coordinates move without a query each.
    """

    name = "zoo"
    needs = "scores"
    positive = ("queries", "coordinates", "step", "constant", "searches")

    queries: int = 20_000
    coordinates: int = 128
    step: float = 2.55
    constant: float = 0.1
    searches: int = 1

    def __call__(self, oracle: Oracle, images: Tensor, goal: Goal, streams: Streams) -> Tensor:
        nearest = Nearest(oracle, images, goal, "l2", self.queries)
        constant = torch.full((len(images),), float(self.constant), device=images.device)
        low, high = torch.zeros_like(constant), torch.full_like(constant, torch.inf)
        for search in range(self.searches):
            reserve = self.queries * (self.searches - 1 - search) // self.searches
            fooled = self._descend(nearest, constant, streams, reserve)
            low, high = torch.where(fooled, low, constant), torch.where(fooled, constant, high)
            constant = torch.where(high.isinf(), constant * 10, (low + high) / 2)
        return nearest.images

    def _descend(self, nearest: Nearest, constant: Tensor, streams: Streams, reserve: int) -> Tensor:
        """Adam from the clean images, until only ``reserve`` queries are left; whether it fooled: N bools."""
        rows, clean = nearest.goal.rows, nearest.clean.flatten(1)
        most, size = min(self.coordinates, clean.shape[1]), clean.shape[1]
        now, order = clean, torch.zeros_like(clean, dtype=torch.int64)
        adam = torch.zeros(len(rows), 3, size, device=clean.device)  # mean, mean square, visits
        ever, at_first = torch.zeros_like(rows, dtype=torch.bool), torch.zeros_like(rows)
        for done in count():
            going = (nearest.left(rows) > 2 * most + reserve) & (nearest.distances[rows] > 0)
            now, rows, order, adam = now[going], rows[going], order[going], adam[going]
            if not len(rows):
                break
            batch = done % -(-size // most)
            if batch == 0:
                order = streams.of(rows).uniform(size).argsort(1)
            where = order[:, batch * most : (batch + 1) * most]
            fooling = self._fooling(nearest, now, rows)
            ever[rows] |= fooling
            slope = 2 * (now - clean[rows]).gather(1, where)
            out = ~fooling
            if out.any():
                slope[out] += constant[rows[out], None] * _slopes(nearest, now[out], rows[out], where[out])
            unspent = (nearest.left(rows) - reserve).clamp(min=0)
            at_first[rows] = torch.where(ever[rows], at_first[rows], unspent)
            step = self.step / 255 * (unspent / at_first[rows].clamp(min=1))[:, None]
            now = now.scatter_add(1, where, -step * _adam(adam, where, slope)).clamp(0, 1)
        return ever

    def _fooling(self, nearest: Nearest, flat: Tensor, rows: Tensor) -> Tensor:
        """Whether each image fools: n bools; those that do may be the nearest."""
        images = flat.view(len(rows), *nearest.clean.shape[1:])
        fooling = nearest.goal.of(rows).reached(nearest.oracle.log_scores(images, rows))
        nearest.keep(images[fooling], rows[fooling])
        return fooling


def _slopes(nearest: Nearest, flat: Tensor, rows: Tensor, where: Tensor) -> Tensor:
    """Slopes n×k of the margin along the coordinates ``where`` n×k, by symmetric differences: eq. (6)."""
    slopes = []
    for part in torch.split(where, CHUNK, 1):
        value = flat.gather(1, part)
        ends = torch.stack([(value + PROBE).clamp(max=1), (value - PROBE).clamp(min=0)], 1)
        images = flat[:, None, None].repeat(1, 2, part.shape[1], 1)
        images.scatter_(3, part[:, None, :, None].expand(-1, 2, -1, -1), ends[..., None])
        each = rows.repeat_interleave(2 * part.shape[1])
        scores = nearest.oracle.log_scores(images.view(-1, *nearest.clean.shape[1:]), each)
        loss = nearest.goal.of(each).loss("margin", scores).view_as(ends)
        slopes.append((loss[:, 0] - loss[:, 1]) / (ends[:, 0] - ends[:, 1]))
    return torch.cat(slopes, 1)


def _adam(state: Tensor, where: Tensor, slope: Tensor) -> Tensor:
    """Adam's steps n×k for slopes at coordinates ``where``, each with its own count of visits; ``state`` is changed."""
    mean, square, visits = (each.gather(1, where) for each in state.unbind(1))
    mean = DECAY * mean + (1 - DECAY) * slope
    square = SQUARE_DECAY * square + (1 - SQUARE_DECAY) * slope.square()
    visits = visits + 1
    state.scatter_(2, where[:, None].expand(-1, 3, -1), torch.stack([mean, square, visits], 1))
    return mean / (1 - DECAY**visits) / ((square / (1 - SQUARE_DECAY**visits)).sqrt() + 1e-8)
