"""FAB: the nearest image that fools, by walking along the decision boundary.

Croce & Hein, "Minimally distorted adversarial examples with a fast adaptive boundary attack", ICML 2020 (algorithm 1),
in the targeted form of AutoAttack (FAB-T): one class after the other, one gradient a step. Steps go to the nearest
point of a hyperplane inside the box (section 2.2 and appendix A): minimise ‖δ‖ₚ subject to ⟨w, x + δ⟩ = b and
0 ≤ x + δ ≤ 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from pixelproof.attacks.attack import Attack
from pixelproof.attacks.goal import Goal, wrong_classes
from pixelproof.attacks.norm_ball import Norm, NormBall
from pixelproof.attacks.oracle import Oracle
from pixelproof.seeds import Streams
from pixelproof.units import to_8_bit

_BIAS = 0.1  # α_max: how much the clean image draws a step towards itself
_OVERSHOOT = 1.05  # η
_BACK = 0.9  # β: how far from the clean image a walk goes on once it fools
_ORDER = {"linf": torch.inf, "l2": 2, "l1": 1}

#: A change too small to show in 8 bits is lengthened by this factor, again and again, at most so often (90-fold).
_STRETCH, _STRETCHES = 1.2, 25


@dataclass(frozen=True)
class FAB(Attack):
    """The nearest image in ``norm`` that fools, by ``iterations`` steps towards each of the ``classes`` likeliest.

    Of fewer wrong classes all are tried; with targets, those only. ``epsilon``, in grey levels of the norm, makes it an
    attack within that ball: a sample is done once it is fooled there, and is left clean otherwise.
    """

    name = "fab"
    positive = ("iterations", "classes")

    norm: Norm = "linf"
    epsilon: float | None = None
    iterations: int = 100
    classes: int = 9

    def __post_init__(self) -> None:
        NormBall(self.norm, 1 if self.epsilon is None else self.epsilon)
        super().__post_init__()

    @property
    def ball(self) -> NormBall | None:
        return None if self.epsilon is None else NormBall(self.norm, self.epsilon)

    def __call__(self, oracle: Oracle, images: Tensor, goal: Goal, streams: Streams) -> Tensor:
        found, rows = images.clone(), goal.rows
        limit = torch.inf if self.epsilon is None else (self.epsilon + 1e-4) / 255
        nearest = torch.full((len(images),), limit, device=images.device)
        for aim in self._aims(oracle, images, goal):
            if len(rows):
                rows = self._walk(oracle, images, goal, aim, rows, found, nearest)
        return found

    def _aims(self, oracle: Oracle, images: Tensor, goal: Goal) -> Iterator[Goal]:
        if goal.targets is not None:
            yield goal
            return
        classes = wrong_classes(oracle.log_scores(images, goal.rows), goal.labels, self.classes)
        for targets in classes.unbind(1):
            yield Goal(goal.labels, targets)

    def _walk(
        self, oracle: Oracle, images: Tensor, goal: Goal, aim: Goal, rows: Tensor, found: Tensor, nearest: Tensor
    ) -> Tensor:
        """One walk of ``rows``, which puts what fools from nearer into ``found`` and ``nearest``; the rows not done."""
        clean, moved = images[rows], images[rows]
        for _ in range(self.iterations):
            plane = _Plane.through(oracle, to_8_bit(moved) if oracle.eight_bit else moved, rows, aim)
            moved = self._step(moved, clean, plane)
            if oracle.eight_bit:
                moved = _stretched(moved, clean, plane)
            shown = to_8_bit(moved) if oracle.eight_bit else moved
            fooled = goal.of(rows).reached(oracle.log_scores(shown, rows))
            length = torch.linalg.vector_norm((shown - clean).flatten(1), _ORDER[self.norm], dim=1)
            nearer = fooled & (length < nearest[rows])
            found[rows[nearer]], nearest[rows[nearer]] = shown[nearer], length[nearer]
            moved = torch.where(fooled[:, None, None, None], clean + _BACK * (moved - clean), moved)
            if self.epsilon is not None:
                rows, clean, moved = rows[~nearer], clean[~nearer], moved[~nearer]
                if not len(rows):
                    break
        return rows

    def _step(self, moved: Tensor, clean: Tensor, plane: _Plane) -> Tensor:
        """Eq. (8): to the plane from the image and from the clean one, both overshot, mixed by how far each is."""
        both = torch.cat([moved, clean])
        gaps = torch.cat([-plane.value(moved), -plane.value(clean)])
        normals = plane.normal.flatten(1)
        change = to_hyperplane(both.flatten(1), torch.cat([normals, normals]), gaps, self.norm)
        near, far = torch.linalg.vector_norm(change, _ORDER[self.norm], dim=1).clamp(min=1e-8).chunk(2)
        share = (near / (near + far)).clamp(max=_BIAS)[:, None, None, None]  # α, eq. (9)
        ahead, fresh = (both + _OVERSHOOT * change.view_as(both)).chunk(2)
        mixed: Tensor = (1 - share) * ahead + share * fresh
        return mixed.clamp(0, 1)


@dataclass(frozen=True, eq=False)
class _Plane:
    """The decision boundary before a class, as it looks from ``point``: ``margin`` + ⟨``normal``, x − point⟩ = 0."""

    point: Tensor
    margin: Tensor
    normal: Tensor

    @staticmethod
    def through(oracle: Oracle, images: Tensor, rows: Tensor, aim: Goal) -> _Plane:
        scores, gradient = oracle.gradient(images, rows, lambda s, part: aim.of(part).loss("margin", s))
        return _Plane(images, aim.of(rows).loss("margin", scores).float(), gradient)

    def value(self, images: Tensor) -> Tensor:
        """The margin that the plane expects of ``images``: n values, below 0 beyond it."""
        expected: Tensor = self.margin + (self.normal * (images - self.point)).flatten(1).sum(1)
        return expected


def _stretched(moved: Tensor, clean: Tensor, plane: _Plane) -> Tensor:
    """``moved``, lengthened where rounding to 8 bits undoes the step, until the rounded image is beyond the plane.

    Near boundaries lie at less than half a grey level, where a walk in floats would show the model the clean image
    forever. What does not get there at any length stays as it was.
    """
    change, longest = moved - clean, moved
    beyond = plane.value(to_8_bit(moved)) <= 0
    for k in range(_STRETCHES):
        if beyond.all():
            break
        longer = (clean + change * _STRETCH ** (k + 1)).clamp(0, 1)
        arrived = ~beyond & (plane.value(to_8_bit(longer)) <= 0)
        longest = torch.where(arrived[:, None, None, None], longer, longest)
        beyond |= arrived
    return longest


def to_hyperplane(images: Tensor, normal: Tensor, gap: Tensor, norm: Norm) -> Tensor:
    """The shortest changes n×D of ``images`` n×D in [0, 1] that add ``gap`` (n values, any sign) to ⟨normal, image⟩.

    Where the box does not let the images come that far, the changes that bring them nearest to it.
    """
    heading = normal.sign() * gap.sign()[:, None]
    room = torch.where(heading > 0, 1 - images, images)  # how far a value may go the way that helps
    weight, goal = normal.abs(), gap.abs()
    if norm == "l1":
        length = _largest_first(weight, room, goal)
    elif norm == "linf":
        length = room.minimum(_level(weight, room, goal))
    else:
        # Of length λ·|wᵢ| each, up to the room: w·δ gains wᵢ²·min(λ, roomᵢ/|wᵢ|).
        length = room.minimum(_level(weight.square(), room / weight.clamp(min=1e-20), goal) * weight)
    return heading * length


def _level(weight: Tensor, limit: Tensor, goal: Tensor) -> Tensor:
    """The λ, n×1, at which Σᵢ weightᵢ·min(λ, limitᵢ) reaches ``goal``, or the largest limit where it never does.

    The sum is concave and straight between limits, so that its value at every limit comes from running sums.
    """
    limits, order = limit.sort(1)
    weights = weight.gather(1, order)
    tail = weights.flip(1).cumsum(1).flip(1)  # the slope before each limit
    filled = weights * limits
    below = filled.cumsum(1) - filled
    k = torch.searchsorted(below + limits * tail, goal[:, None]).clamp(max=limit.shape[1] - 1)
    level = (goal[:, None] - below.gather(1, k)) / tail.gather(1, k).clamp(min=1e-20)
    return level.clamp(min=0).minimum(limits.gather(1, k))


def _largest_first(weight: Tensor, room: Tensor, goal: Tensor) -> Tensor:
    """Lengths n×D that go as far as they may where the weight is largest, until they sum to ``goal``."""
    weights, order = weight.sort(1, descending=True)
    full = weights * room.gather(1, order)
    missing = goal[:, None] - (full.cumsum(1) - full)
    lengths = (missing / weights.clamp(min=1e-20)).clamp(min=0).minimum(room.gather(1, order))
    return torch.zeros_like(weight).scatter(1, order, lengths)
