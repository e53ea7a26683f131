"""How many images are drawn, kept, replaced and moved: what decides how exact an estimate is and what it costs."""

from dataclasses import dataclass
from functools import cached_property
from math import ceil, log, sqrt

#: The smallest share that is looked for.
FLOOR = 1e-9


@dataclass(frozen=True)
class Schedule:
    """Of ``draws`` images the lowest are dropped until ``kept`` are left; then ``replaced`` are dropped at a time, each
    replaced by a copy of a higher one that is moved ``moves`` times, until all are failures or ``queries`` are used up.

    The first draws cost a query each and are independent, so half of the way to a millionth is exact without any
    condition; what is replaced costs ``moves`` queries.
    """

    draws: int = 1000
    kept: int = 40
    replaced: int = 10
    moves: int = 27
    queries: int = 20_000
    floor: float = FLOOR

    @cached_property
    def most(self) -> int:
        """Drops after which the search ends: the share lies below the floor then, or the queries are used up.

        A drop takes 1/r off the logarithm of the share on average. Two standard deviations and a little more stand for
        the end of the interval.
        """
        rate = self.replaced / sum(1 / (self.kept - k) for k in range(self.replaced))
        beyond = (-log(self.floor) - log(self.draws / self.kept)) * rate
        below = self.replaced * ceil((beyond + 2.2 * sqrt(beyond)) / self.replaced)
        paid = self.replaced * ((self.queries - self.draws) // (self.replaced * self.moves))
        return self.draws - self.kept + max(0, min(below, paid))

    def asked(self, drops: int) -> int:
        """Queries of a search that ends after so many ``drops``; fewer than ``replaced`` are dropped without any."""
        rounds = max(0, drops - (self.draws - self.kept)) // self.replaced
        return self.draws + rounds * self.replaced * self.moves

    def left(self, drops: int) -> list[int]:
        """How many images are there before each of the first ``drops``, the one that is dropped among them."""
        first = [self.draws - k for k in range(min(drops, self.draws - self.kept))]
        return first + [self.kept - k % self.replaced for k in range(drops - len(first))]
