"""Boundary Attack: a random walk along the boundary towards the clean image.

W. Brendel, J. Rauber, M. Bethge, "Decision-Based Adversarial Attacks: Reliable Attacks Against Black-Box Machine
Learning Models", ICLR 2018; algorithm 1 and section 2.
"""

from dataclasses import dataclass
from itertools import count

import torch
from torch import Tensor

from pixelproof.attacks.attack import Attack
from pixelproof.attacks.goal import Goal
from pixelproof.attacks.gradient.directions import steepest
from pixelproof.attacks.labels.bisection import bisect
from pixelproof.attacks.labels.start import fooling_starts
from pixelproof.attacks.nearest import Nearest
from pixelproof.attacks.oracle import Oracle
from pixelproof.errors import InputError
from pixelproof.seeds import Streams

FIRST = 1e-3  # how finely the boundary is located before the walk, as a share of the way to it
SIDEWAYS = 10  # every so many steps it is also asked whether the orthogonal part of one fools
CONVERGED = 1e-7  # source step at which the walk ends (section 2.3)


@dataclass(frozen=True)
class Boundary(Attack):
    """Nearest image in L2, by steps that first go along a sphere around the clean image, and then towards it.

    ``orthogonal_step`` and ``source_step`` are where the lengths of both begin, as shares of the distance. The first
    is kept where half of the orthogonal parts fool, the second where a quarter of the steps do: each answer changes
    them a little, where the paper counts some. ``queries`` of a sample at most.

    Where the model sees 8 bits, the walk goes over 8-bit images, each value rounded up or down at random with the
    right mean. Rounded to the nearest, small steps would not reach the model, and would keep what rounding had won.
    """

    name = "boundary"
    needs = "labels"
    positive = ("queries",)

    queries: int = 10_000
    orthogonal_step: float = 0.01
    source_step: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        for field in ("orthogonal_step", "source_step"):
            if not 0 < getattr(self, field) < 1:
                raise InputError(f"boundary needs {field} between 0 and 1 (a share), not {getattr(self, field):g}.")

    def __call__(self, oracle: Oracle, images: Tensor, goal: Goal, streams: Streams) -> Tensor:
        nearest = Nearest(oracle, images, goal, "l2", self.queries)
        rows = goal.rows[~nearest.fools(images, goal.rows)]
        now, rows = fooling_starts(nearest, rows, streams)
        now = bisect(nearest, now, rows, FIRST)
        orthogonal = torch.full((len(rows),), self.orthogonal_step, device=images.device)
        source = torch.full((len(rows),), self.source_step, device=images.device)
        for done in count():
            going = (nearest.left(rows) > 0) & (source > CONVERGED)
            now, rows, orthogonal, source = now[going], rows[going], orthogonal[going], source[going]
            if not len(rows):
                break
            noise = streams.of(rows).normal(*images.shape[1:])
            sideways = _along_sphere(now, images[rows], noise, orthogonal)
            nearer = sideways + source[:, None, None, None] * (images[rows] - sideways)
            if oracle.eight_bit:
                sideways, nearer = _dithered(sideways, streams.of(rows)), _dithered(nearer, streams.of(rows))
            if done % SIDEWAYS == 0:
                orthogonal = _adapted(orthogonal, nearest.fools(sideways.clamp(0, 1), rows), 0.5, 0.8)
            fooling = nearest.fools(nearer.clamp(0, 1), rows)
            now = torch.where(fooling[:, None, None, None], nearer.clamp(0, 1), now)
            source = _adapted(source, fooling, 0.25, 0.1)
        return nearest.images


def _along_sphere(now: Tensor, clean: Tensor, noise: Tensor, share: Tensor) -> Tensor:
    """Random points as far from ``clean`` as ``now``, reached by steps of that ``share`` of the distance across it."""
    change, across = (now - clean).flatten(1), noise.flatten(1)
    length: Tensor = change.norm(dim=1, keepdim=True)
    unit = steepest(change, "l2")
    across = across - (across * unit).sum(1, keepdim=True) * unit
    moved = unit + share[:, None] * steepest(across, "l2")
    return clean + (length * steepest(moved, "l2")).view_as(clean)


def _adapted(step: Tensor, fooling: Tensor, kept_at: float, rate: float) -> Tensor:
    """The step after an answer: longer if it fooled, else shorter, the same on average where ``kept_at`` of them do."""
    return (step * ((fooling.float() - kept_at) * rate).exp()).clamp(max=0.5)


def _dithered(images: Tensor, streams: Streams) -> Tensor:
    """8-bit images whose mean, over the streams, is ``images``."""
    return (images * 255 + streams.uniform(*images.shape[1:])).floor() / 255
