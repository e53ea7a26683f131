"""What a crew of workers is, wherever they are, and what is said between it and the process that writes."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from pixelproof.jobs.backends.parcel import Parcel
from pixelproof.jobs.job import Batch
from pixelproof.runs.table import RecordType


@dataclass(frozen=True)
class Share:
    """Steps for one worker, done in their order, and the records of the run that they need to see."""

    steps: Sequence[str]
    known: Sequence[RecordType] = ()


@dataclass(frozen=True)
class Report:
    """What a worker found since its last report, how much it asked for that, and whether it has ``room`` for more.

    ``error`` is what it ended with, where it came to that.
    """

    batches: Sequence[Batch] = ()
    tally: Counter[str] = field(default_factory=Counter)
    room: bool = False
    error: BaseException | None = None


@dataclass(frozen=True)
class Lost:
    """A worker that is no more: ``why`` in a few words."""

    why: str


class Crew(Protocol):
    """Workers with numbers 0, 1, …, each of which holds one job at a time."""

    size: int  # how many there may be at once

    def open(self, worker: int, parcel: Parcel) -> None:
        """Have ``worker`` open the job in ``parcel``; it is started, or started again, where it is not there.

        Its first report says that it is ready.
        """
        ...

    def give(self, worker: int, share: Share) -> None:
        """Hand ``share`` to ``worker``, beside what it has."""
        ...

    def listen(self) -> tuple[int, Report | Lost]:
        """Wait for what comes next, from whichever worker."""
        ...

    def pids(self) -> list[int]:
        """The processes of those that are there, for who looks after them."""
        ...

    def dismiss(self, worker: int) -> None:
        """End ``worker``, whatever it is at; nothing comes of it any more."""
        ...

    def close(self) -> None:
        """End all workers."""
        ...
