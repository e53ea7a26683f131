"""A crew without processes: its workers do what real ones do, one word after the other, and die when they are told."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from pixelproof.jobs.backends.crew import Lost, Report, Share
from pixelproof.jobs.backends.parcel import Parcel
from pixelproof.jobs.backends.worker import serve


class Script:
    """The worker's end of a line on which all orders lie ready."""

    def __init__(self, orders: list[Parcel | Share], reports: deque[Report]) -> None:
        self._orders, self._reports = deque(orders), reports

    def send(self, report: Report) -> None:
        self._reports.append(report)

    def receive(self, wait: bool) -> Parcel | Share | None:
        return self._orders.popleft() if wait and self._orders else None


class TamedCrew:
    """``deaths``: by the number of the share, in the order in which they are given, after how many words of it the
    worker dies; 0 is before the first."""

    def __init__(self, size: int, deaths: dict[int, int] | None = None, dies_always: bool = False) -> None:
        self.size, self._deaths, self._dies_always = size, deaths or {}, dies_always
        self._parcels: dict[int, Parcel] = {}
        self._words: deque[tuple[int, Report | Lost]] = deque()
        self.given: list[tuple[int, Share]] = []
        self.opened: list[int] = []

    def say(self, worker: int) -> None:
        """A word that ``worker`` sent before it was asked for anything."""
        self._words.append((worker, Report(room=True)))

    def open(self, worker: int, parcel: Parcel) -> None:
        self._parcels[worker] = parcel
        self.opened.append(worker)
        self._words.append((worker, Report(room=True)))

    def give(self, worker: int, share: Share) -> None:
        dies = 0 if self._dies_always else self._deaths.get(len(self.given))
        self.given.append((worker, share))
        words: deque[Report] = deque()
        serve(Script([self._parcels[worker], share], words))
        words.popleft()  # that it is ready
        said: list[Report | Lost] = list(words) if dies is None else [*list(words)[:dies], Lost("killed by SIGKILL")]
        self._words.extend((worker, word) for word in said)

    def listen(self) -> tuple[int, Report | Lost]:
        worker, word = self._words.popleft()
        if isinstance(word, Lost):  # what it was given meanwhile goes with it
            self._words = deque(each for each in self._words if each[0] != worker)
        return worker, word

    def pids(self) -> list[int]:
        return []

    def dismiss(self, worker: int) -> None:
        self._parcels.pop(worker, None)

    def close(self) -> None:
        self._parcels.clear()

    def steps(self) -> Iterator[str]:
        """All that were given, in order."""
        for _, share in self.given:
            yield from share.steps
