"""How far a job is, and how long the rest takes at the pace of late."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

#: Seconds that count as of late. A machine that is busy now soon shows, and one slow batch does not.
LATE = 120.0


@dataclass(frozen=True)
class Progress:
    """Where a job stands: ``done`` of ``total``, ``before`` of them in earlier sittings; the rest is of this one.

    ``lately`` is how much of it was done in the last ``lately_seconds``.
    """

    label: str
    done: float
    total: float
    before: float
    queries: int
    seconds: float
    note: str = ""
    lately: float = 0
    lately_seconds: float = 0

    def left(self, waited: float = 0) -> float | None:
        """Seconds that the rest takes at the pace of late; None while that is not known.

        ``waited`` seconds in which nothing came since make the pace slower.
        """
        if self.lately <= 0 or self.lately_seconds + waited < 1:
            return None
        return (self.total - self.done) * (self.lately_seconds + waited) / self.lately


Listener = Callable[[Progress], None]


class Pace:
    """What was done of late: over ``LATE`` seconds, or since the last that was done before, where that is longer."""

    def __init__(self, done: float) -> None:
        self._marks = deque([(0.0, done)])

    def lately(self, seconds: float, done: float) -> tuple[float, float]:
        """How much was done of late, and in how many seconds, where ``done`` is reached after ``seconds``."""
        self._marks.append((seconds, done))
        while len(self._marks) > 2 and seconds - self._marks[1][0] >= LATE:
            self._marks.popleft()
        begun, before = self._marks[0]
        return done - before, seconds - begun
