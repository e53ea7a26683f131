"""Which threshold a lane that seeks its minimal one tries next."""

from dataclasses import dataclass, field

#: Threshold of the first try: what most samples' minimal thresholds lie below, and few by far.
FIRST = 8
#: Share of the queries that a try may take while nothing was found, and while there are thresholds between.
UPWARD, BETWEEN = 0.05, 0.02
#: Queries of a try at least.
SHORTEST = 20


@dataclass
class Aim:
    """Doubles the threshold until a sample is fooled, then halves the gap between the smallest threshold that fooled
    it and the largest that was tried in vain; once there is none, all queries left go into one less than found.

    largest: the threshold not to exceed. queries: all that the lane may spend.
    """

    largest: int
    queries: int
    limit: int = field(init=False)  # the threshold now tried
    found: int | None = field(init=False, default=None)  # the smallest that fooled the sample
    over: bool = field(init=False, default=False)  # nothing is left to find
    _vain: int = field(init=False, default=0)
    _since: int = field(init=False, default=0)  # queries spent when this try began

    def __post_init__(self) -> None:
        self.limit = min(FIRST, self.largest)

    def hit(self, distance: int, spent: int) -> None:
        """An image at ``distance`` fools the model; ``spent`` queries so far."""
        self.found, self.over = distance, distance == 1
        self._vain = min(self._vain, distance - 1)
        self._next(spent)

    def missed(self, spent: int, infeasible: bool) -> None:
        """Go on to another threshold where this one was tried for long, or is ``infeasible``."""
        if self._settled:
            self.over = infeasible
        elif infeasible or spent - self._since >= self._patience:
            self._vain = max(self._vain, self.limit)
            self._next(spent)

    @property
    def _settled(self) -> bool:
        """Whether no other threshold is left to try."""
        return self.limit == (self.largest if self.found is None else self.found - 1)

    @property
    def _patience(self) -> float:
        return max(SHORTEST, (UPWARD if self.found is None else BETWEEN) * self.queries)

    def _next(self, spent: int) -> None:
        if self.found is None:
            self.limit = min(2 * self.limit, self.largest)
        else:
            self.limit = max(1, (self._vain + self.found) // 2)
        self._since = spent
