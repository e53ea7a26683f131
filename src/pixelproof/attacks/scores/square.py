"""Square Attack: random search over square windows.

M. Andriushchenko, F. Croce, N. Flammarion, M. Hein, "Square Attack: a query-efficient black-box adversarial attack via
random search", ECCV 2020; algorithm 1, with the squares of algorithms 2 (L∞) and 3 (L2).
"""

from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

from pixelproof.attacks.attack import BallAttack
from pixelproof.attacks.goal import Goal
from pixelproof.attacks.oracle import Oracle
from pixelproof.errors import InputError
from pixelproof.search.drawn_ahead import AHEAD
from pixelproof.search.squares import AUTOATTACK_HALVINGS, Schedule, corners
from pixelproof.seeds import Streams


class Windows(Protocol):
    """Squares in one norm; images are float32 n×C×H×W in [0, 1], ``radius`` is that of the ball in the same unit."""

    def start(self, clean: Tensor, streams: Streams, radius: float) -> Tensor:
        """The first candidates."""

    def numbers(self, channels: int) -> int:
        """How many uniform numbers a candidate takes."""

    def propose(self, best: Tensor, clean: Tensor, side: int, numbers: Tensor, radius: float) -> Tensor:
        """Candidates that differ from ``best`` in windows of ``side`` pixels; ``numbers`` n×k lie in [0, 1)."""


class LinfWindows:
    """Vertical stripes, then windows with every channel at its lower or upper bound (algorithm 2).

    A window that would change nothing takes the opposite bounds, where the authors draw again.
    """

    def start(self, clean: Tensor, streams: Streams, radius: float) -> Tensor:
        stripes = _signs(streams.uniform(clean.shape[1], 1, clean.shape[3]))
        return (clean + radius * stripes).clamp(0, 1)

    def numbers(self, channels: int) -> int:
        return 2 + channels

    def propose(self, best: Tensor, clean: Tensor, side: int, numbers: Tensor, radius: float) -> Tensor:
        inside = _inside(numbers[:, :2], side, clean.shape[2], clean.shape[3])
        signs = _signs(numbers[:, 2:, None, None])
        candidate = torch.where(inside, (clean + radius * signs).clamp(0, 1), best)
        same = (candidate == best).flatten(1).all(1)[:, None, None, None]
        opposite = torch.where(inside, (clean - radius * signs).clamp(0, 1), best)
        return torch.where(same, opposite, candidate)


class L2Windows:
    """Bumps of two opposite halves, to which the norm of a second window moves (algorithm 3)."""

    def start(self, clean: Tensor, streams: Streams, radius: float) -> Tensor:
        """A grid of five by five bumps of random sign a channel."""
        tile = max(min(clean.shape[2:]) // 5, 1)
        rows, columns = clean.shape[2] // tile, clean.shape[3] // tile
        signs = _signs(streams.uniform(clean.shape[1], rows, columns))
        grid = signs.repeat_interleave(tile, 2).repeat_interleave(tile, 3) * bump(tile, clean).repeat(rows, columns)
        top, left = (clean.shape[2] - rows * tile) // 2, (clean.shape[3] - columns * tile) // 2
        change = torch.zeros_like(clean)
        change[:, :, top : top + rows * tile, left : left + columns * tile] = grid
        return _at_length(change, clean, radius)

    def numbers(self, channels: int) -> int:
        return 5 + channels

    def propose(self, best: Tensor, clean: Tensor, side: int, numbers: Tensor, radius: float) -> Tensor:
        height, width = clean.shape[2:]
        side = min(max(side + (side + 1) % 2, 3), height, width)  # odd, so that a bump has a centre
        new, old = (_places(numbers[:, k : k + 2], side, height, width) for k in (0, 2))
        change = (best - clean).flatten(2)
        new, old = (each[:, None].expand(-1, change.shape[1], -1) for each in (new, old))
        either = torch.zeros_like(change).scatter(2, new, 1).scatter(2, old, 1)
        spare = (radius**2 - change.square().sum((1, 2))).clamp(min=0)[:, None, None] / change.shape[1]
        length = (spare + (change * either).square().sum(2, keepdim=True)).sqrt()
        now = change.gather(2, new)
        shape = bump(side, clean)
        shape = torch.where((numbers[:, 4] < 0.5)[:, None, None], shape, shape.T).flatten(1)[:, None]
        fresh = shape * _signs(numbers[:, 5:, None]) + now / now.norm(dim=2, keepdim=True).clamp(min=1e-10)
        fresh = fresh / fresh.norm(dim=2, keepdim=True).clamp(min=1e-10) * length
        change = change.scatter(2, old, 0).scatter(2, new, fresh)
        return _at_length(change.view_as(clean), clean, radius)


WINDOWS: dict[str, Windows] = {"linf": LinfWindows(), "l2": L2Windows()}


@dataclass(frozen=True)
class SquareAttack(BallAttack):
    """Squares inside the ball of radius ``epsilon``, in grey levels of ``norm``, kept where they lower the loss.

    ``queries`` of a sample at most; ``p_init`` is the share of the image that the first squares cover, which shrinks
    on a schedule that is scaled to ``queries``; 0.8 is AutoAttack's. The loss is the margin or, targeted, the
    cross-entropy.
    """

    name = "square"
    needs = "scores"
    positive = ("epsilon", "queries", "p_init")

    norm: Literal["linf", "l2"] = "linf"
    epsilon: float = 8
    queries: int = 5000
    p_init: float = 0.8

    def __post_init__(self) -> None:
        if self.norm not in WINDOWS:
            raise InputError(f"square has the norms {' and '.join(WINDOWS)}, not {self.norm!r}.")
        super().__post_init__()
        if self.p_init > 1:
            raise InputError(f"square needs a p_init of at most 1 (a share of the image), not {self.p_init:g}.")

    def __call__(self, oracle: Oracle, images: Tensor, goal: Goal, streams: Streams) -> Tensor:
        windows, radius = WINDOWS[self.norm], self.epsilon / 255
        schedule = self.schedule(images)
        rows, clean = goal.rows, images
        best = windows.start(clean, streams, radius)
        loss, reached = self._ask(oracle, best, clean, goal, rows)
        found, numbers = best.clone(), torch.empty(len(rows), 0, device=images.device)
        for asked in range(1, self.queries):
            if reached.any():
                found[rows] = best
                rows, clean, best, loss, numbers = (each[~reached] for each in (rows, clean, best, loss, numbers))
            if not len(rows):
                break
            if asked % AHEAD == 1:
                numbers = streams.of(rows).uniform(AHEAD, windows.numbers(images.shape[1]))
            side = int(schedule.sides(torch.tensor(asked)))
            candidate = windows.propose(best, clean, side, numbers[:, (asked - 1) % AHEAD], radius)
            told, reached = self._ask(oracle, candidate, clean, goal, rows)
            better = (told < loss) | reached
            best = torch.where(better[:, None, None, None], candidate, best)
            loss = torch.where(better, told, loss)
        found[rows] = best
        return found

    def schedule(self, images: Tensor) -> Schedule:
        """How the squares on ``images`` N×C×H×W shrink: as in the authors' code and AutoAttack."""
        channels, height, width = images.shape[1:]
        return Schedule((height, width, channels), self.queries, self.p_init, AUTOATTACK_HALVINGS)

    def _ask(self, oracle: Oracle, images: Tensor, clean: Tensor, goal: Goal, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Losses, n, and whether these images fool: as they will be handed over, cut to 8 bits inside the ball."""
        seen = self.ball.to_8_bit(images, clean) if oracle.eight_bit else images
        scores, part = oracle.log_scores(seen, rows), goal.of(rows)
        return part.loss("margin" if goal.targets is None else "cross-entropy", scores), part.reached(scores)


def bump(side: int, like: Tensor) -> Tensor:
    """The paper's η, side×side with unit L2 norm: one half falls off from its centre, the other is its opposite."""
    upper = _half(side // 2, side, like)
    lower = _half(side - side // 2, side, like)
    return _normalised(torch.cat([upper, -lower]))


def _half(height: int, width: int, like: Tensor) -> Tensor:
    """Σ 1/(k+1)² over k from the (chessboard) distance to the centre to the largest there is, at unit norm: eq. (2)."""
    if not height:
        return torch.zeros(0, width, device=like.device)
    reach = max(height, width) // 2 + 1
    tail = (1 / torch.arange(1, reach + 1, device=like.device).square()).flip(0).cumsum(0).flip(0)
    rows = (torch.arange(height, device=like.device) - height // 2).abs()
    columns = (torch.arange(width, device=like.device) - width // 2).abs()
    return _normalised(tail[torch.maximum(rows[:, None], columns)])


def _normalised(values: Tensor) -> Tensor:
    length: Tensor = values.norm()
    return values / length


def _at_length(change: Tensor, clean: Tensor, radius: float) -> Tensor:
    """``clean`` and its ``change`` stretched to L2 norm ``radius``, cut to [0, 1]."""
    length: Tensor = change.flatten(1).norm(dim=1).clamp(min=1e-12)[:, None, None, None]
    return (clean + change * (radius / length)).clamp(0, 1)


def _signs(uniform: Tensor) -> Tensor:
    return (uniform < 0.5).float() * 2 - 1


def _inside(uniform: Tensor, side: int, height: int, width: int) -> Tensor:
    """Where the windows are: n×1×H×W bools."""
    top, left = (corner[:, None] for corner in corners(uniform, side, height, width))
    row, column = torch.arange(height, device=top.device), torch.arange(width, device=top.device)
    rows, columns = (row >= top) & (row < top + side), (column >= left) & (column < left + side)
    return rows[:, None, :, None] & columns[:, None, None, :]


def _places(uniform: Tensor, side: int, height: int, width: int) -> Tensor:
    """The positions in H·W of the windows' pixels: n×side²."""
    top, left = corners(uniform, side, height, width)
    step = torch.arange(side, device=top.device)
    rows, columns = top[:, None] + step, left[:, None] + step
    return (rows[:, :, None] * width + columns[:, None]).flatten(1)
