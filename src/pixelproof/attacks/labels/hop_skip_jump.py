"""HopSkipJump: the gradient at the boundary, estimated from labels alone.

J. Chen, M. I. Jordan, M. J. Wainwright, "HopSkipJumpAttack: A Query-Efficient Decision-Based Attack", IEEE Symposium on
Security and Privacy 2020; algorithms 1 and 2.
"""

from dataclasses import dataclass
from itertools import count
from math import sqrt

import torch
from torch import Tensor

from pixelproof.attacks.attack import Attack
from pixelproof.attacks.goal import Goal
from pixelproof.attacks.gradient.directions import steepest
from pixelproof.attacks.labels.bisection import bisect, steps
from pixelproof.attacks.labels.start import fooling_starts
from pixelproof.attacks.nearest import Nearest, NearestNorm
from pixelproof.attacks.oracle import Oracle
from pixelproof.errors import InputError
from pixelproof.seeds import Streams
from pixelproof.units import to_8_bit

CHUNK = 32  # probes of a sample held in memory at once
HALVINGS = 12  # of a step, before it is given up


@dataclass(frozen=True)
class HopSkipJump(Attack):
    """Nearest image in ``norm``, by steps along the estimated normal of the boundary; ``queries`` of a sample at most.

    The t-th estimate takes ``initial_evaluations`` · √t probes, ``max_evaluations`` at most, at a distance of
    ``theta`` times that of the image, in L2 for both norms; the boundary is located √d times finer, d being the number
    of channel values, so that an error of it is small beside what a probe moves along the normal. The paper's theta is
    1/d. Where the model sees 8 bits, a probe changes half a grey level a value at least, and what it then changed, the
    rounding included, enters the estimate.
    """

    name = "hop-skip-jump"
    needs = "labels"
    positive = ("queries", "initial_evaluations", "max_evaluations", "theta")

    norm: NearestNorm = "l2"
    queries: int = 10_000
    initial_evaluations: int = 100
    max_evaluations: int = 10_000
    theta: float = 0.01

    def __post_init__(self) -> None:
        if self.norm not in ("l2", "linf"):
            raise InputError(f"hop-skip-jump has the norms l2 and linf, not {self.norm!r}.")
        super().__post_init__()
        if self.theta >= 1:
            raise InputError(f"hop-skip-jump needs a theta below 1 (a share of the distance), not {self.theta:g}.")

    def __call__(self, oracle: Oracle, images: Tensor, goal: Goal, streams: Streams) -> Tensor:
        nearest = Nearest(oracle, images, goal, self.norm, self.queries)
        rows = goal.rows[~nearest.fools(images, goal.rows)]
        now, rows = fooling_starts(nearest, rows, streams)
        tolerance = self.theta / sqrt(images[0].numel())
        reserve = steps(tolerance) + 4  # for the step and the bisection after an estimate
        now = bisect(nearest, now, rows, tolerance)
        for t in count(1):
            going = nearest.left(rows) > reserve
            now, rows = now[going], rows[going]
            if not len(rows):
                break
            wanted = min(int(self.initial_evaluations * sqrt(t)), self.max_evaluations)
            probes = (nearest.left(rows) - reserve).clamp(max=wanted)
            direction = self._direction(nearest, now, rows, probes, streams)
            now = _step(nearest, now, rows, direction, nearest.length(now, rows) / sqrt(t))
            now = bisect(nearest, now, rows, tolerance)
        return nearest.images

    def _direction(self, nearest: Nearest, images: Tensor, rows: Tensor, probes: Tensor, streams: Streams) -> Tensor:
        """Directions away from the clean class: the estimate of eq. (16), at unit L2 norm, or its sign."""
        size = self.theta * (images - nearest.clean[rows]).flatten(1).norm(dim=1)
        if nearest.oracle.eight_bit:
            size = size.clamp(min=0.5 / 255 * sqrt(images[0].numel()))
        votes, signed, plain = torch.zeros_like(size), torch.zeros_like(images), torch.zeros_like(images)
        for start in range(0, int(probes.max()), CHUNK):
            part = (probes > start).nonzero().flatten()
            asked = torch.arange(start, start + CHUNK, device=rows.device) < probes[part, None]
            vote, change = _probe(nearest, images[part], rows[part], size[part], asked, streams)
            votes[part] += vote.sum(1)
            signed[part] += torch.einsum("nb,nbchw->nchw", vote, change)
            plain[part] += torch.einsum("nb,nbchw->nchw", asked.float(), change)
        mean = (votes / probes)[:, None, None, None]
        # Σ(φ − φ̄)·u; where all agree, that is zero, and φ̄·Σu stands in for it.
        estimate = torch.where(mean.abs() == 1, mean * plain, signed - mean * plain)
        return steepest(estimate, self.norm)


def _probe(
    nearest: Nearest, images: Tensor, rows: Tensor, size: Tensor, asked: Tensor, streams: Streams
) -> tuple[Tensor, Tensor]:
    """Answers n×b (1 fools, −1 does not, 0 where not ``asked``) at random points ``size`` away; their changes."""
    noise = streams.of(rows).normal(asked.shape[1], *images.shape[1:])
    noise *= (size[:, None] / noise.flatten(2).norm(dim=2))[:, :, None, None, None]
    points = (images[:, None] + noise).clamp(0, 1)
    if nearest.oracle.eight_bit:
        points = to_8_bit(points)
    which = rows[:, None].expand(asked.shape)
    vote = torch.zeros(asked.shape, device=images.device)
    vote[asked] = nearest.answers(points[asked], which[asked]) * 2.0 - 1
    return vote, points - images[:, None]


def _step(nearest: Nearest, images: Tensor, rows: Tensor, direction: Tensor, length: Tensor) -> Tensor:
    """The images moved by ``length``, halved until they fool (geometric progression); or unmoved."""
    moved, waiting = images.clone(), torch.arange(len(rows), device=rows.device)
    for _ in range(HALVINGS):
        candidate = (images[waiting] + length[waiting, None, None, None] * direction[waiting]).clamp(0, 1)
        fooling = nearest.fools(candidate, rows[waiting])
        moved[waiting[fooling]] = candidate[fooling]
        waiting, length = waiting[~fooling], length / 2
        if not len(waiting):
            break
    return moved
