"""Importance splitting that asks and tells: it draws standard normal numbers, and is told how near to failing each is.

Last-particle or multilevel splitting (Kahn and Harris, 1951; Guyader, Hengartner and Matzner-Løber, 2011; for networks
Webb et al., 2019, and Tit, Furon and Rousset, 2021): rare failures are reached by way of images that score higher and
higher. What differs from these is the first population, from which most is dropped at once, and that several images
are replaced together, which fills a batch; the interval allows for both (``interval.py``).
"""

import torch
from torch import Generator, Tensor

from pixelproof.probability.interval import Estimate, estimate
from pixelproof.probability.schedule import Schedule

#: First draws asked about at once; a part of what decides which numbers they are.
_CHUNK = 100
#: Share of moves to be accepted, and how fast the step size follows what is.
_ACCEPTED, _FOLLOW = 0.3, 0.3
#: Smallest step of a move, of 1, which draws anew.
_SMALLEST = 0.01


class Splitting:
    """Of one image: ``ask`` gives n×D standard normal numbers until ``done``, ``tell`` takes their scores.

    A score above 0 is a failure; the higher, the nearer. The law of what is asked about is standard normal, given a
    score above the last one dropped; a move y = √(1 − s²) x + s ξ leaves it as it is where it is undone at lower scores
    (Cotter et al., 2013). Equal scores are told apart by lot, so that plateaus are no levels that nothing passes.
    """

    def __init__(self, dimension: int, schedule: Schedule, generator: Generator) -> None:
        self.schedule, self._dimension, self._generator = schedule, dimension, generator
        self._points, self._scores, self._lots = torch.empty(0, dimension), torch.empty(0), torch.empty(0)
        self._drawn, self._failures = 0, 0
        self._asked: Tensor | None = None
        self._step = torch.ones(1)
        self._left = 0  # moves that the copies in hand have left
        self._replaced, self._copies = 0, 0
        self.dropped, self.queries, self.done, self.reached = 0, 0, False, False

    @property
    def estimate(self) -> Estimate:
        """What is known of the share when ``done``."""
        return estimate(self.dropped, self.reached, self.schedule)

    @property
    def moved(self) -> float:
        """The share of copies that any of their moves took away from what they are copies of; 1 without copies."""
        return self._replaced / self._copies if self._copies else 1.0

    def ask(self) -> Tensor:
        """The points n×D to be scored. Raises ``RuntimeError`` when it is done, or was asked already."""
        if self.done or self._asked is not None:
            raise RuntimeError("A splitting that is done, or waits to be told, asks nothing.")
        self._asked = self._first() if self._drawn < self.schedule.draws else self._moves()
        return self._asked

    def tell(self, scores: Tensor) -> None:
        """The scores n of what was asked, −∞ where there is none. Raises ``RuntimeError`` where nothing was asked, or
        their number differs."""
        if self._asked is None or len(scores) != len(self._asked):
            asked = 0 if self._asked is None else len(self._asked)
            raise RuntimeError(f"{len(scores)} scores were told of {asked} points asked.")
        points, scores = self._asked, scores.to("cpu", torch.float64)
        self._asked, self.queries = None, self.queries + len(points)
        if self._drawn < self.schedule.draws:
            self._drew(points, scores)
        else:
            self._decide(points, scores)

    # The first draws.

    def _first(self) -> Tensor:
        return self._normal(min(_CHUNK, self.schedule.draws - self._drawn))

    def _drew(self, points: Tensor, scores: Tensor) -> None:
        """Keep the highest; once all are drawn, drop the others."""
        self._drawn, self._failures = self._drawn + len(points), self._failures + int((scores > 0).sum())
        self._points = torch.cat([self._points, points])
        self._scores, self._lots = torch.cat([self._scores, scores]), torch.cat([self._lots, self._lot(len(points))])
        best = self._order()[-self.schedule.kept :]
        self._points, self._scores, self._lots = self._points[best], self._scores[best], self._lots[best]
        if self._drawn == self.schedule.draws:
            self.dropped = self.schedule.draws - max(self._failures, self.schedule.kept)
            self._drop()

    # Levels.

    def _drop(self) -> None:
        """Drop the lowest, and put copies of others in their place; or end."""
        if self.dropped >= self.schedule.most:  # whatever is left: so many drops were to be the end
            self.done = True
            return
        below = int((self._scores <= 0).sum())
        if below < self.schedule.replaced:
            self.dropped, self.done, self.reached = self.dropped + below, True, True
            return
        self.dropped += self.schedule.replaced
        order = self._order()
        self._low, high = order[: self.schedule.replaced], order[self.schedule.replaced :]
        self._level = self._scores[self._low[-1]].clone(), self._lots[self._low[-1]].clone()
        chosen = torch.randint(len(high), (len(self._low),), generator=self._generator)
        for values in (self._points, self._scores, self._lots):
            values[self._low] = values[high[chosen]]
        self._fresh = torch.zeros(len(self._low), dtype=torch.bool)
        self._left = self.schedule.moves

    def _moves(self) -> Tensor:
        """A proposal for each copy, by steps of several sizes about the one that fits."""
        count = len(self._low)
        sizes = self._step * torch.exp(2 * torch.rand(count, 1, generator=self._generator) - 1)
        sizes = sizes.clamp(_SMALLEST, 1)
        return (1 - sizes**2).sqrt() * self._points[self._low] + sizes * self._normal(count)

    def _decide(self, points: Tensor, scores: Tensor) -> None:
        """Take the proposals that lie above the level; after the last of them go on to the next level."""
        level, lot = self._level
        lots = self._lot(len(points))
        above = (scores > level) | ((scores == level) & (lots > lot))
        rows = self._low[above]
        self._points[rows], self._scores[rows], self._lots[rows] = points[above], scores[above], lots[above]
        self._fresh |= above
        share = float(above.float().mean())
        self._step = (self._step * torch.tensor(_FOLLOW * (share - _ACCEPTED)).exp()).clamp(_SMALLEST, 1)
        self._left -= 1
        if self._left == 0:
            self._replaced, self._copies = self._replaced + int(self._fresh.sum()), self._copies + len(self._fresh)
            self._drop()

    def _order(self) -> Tensor:
        """The rows of the points, the lowest score first, equal ones by lot."""
        by_lot = self._lots.argsort()
        return by_lot[self._scores[by_lot].argsort(stable=True)]

    def _normal(self, count: int) -> Tensor:
        return torch.randn(count, self._dimension, generator=self._generator)

    def _lot(self, count: int) -> Tensor:
        return torch.rand(count, dtype=torch.float64, generator=self._generator)
