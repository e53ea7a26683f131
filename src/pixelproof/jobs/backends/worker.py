"""What a worker does, wherever it is: it opens a job, does the steps that it is given, and reports what it finds."""

import pickle
import time
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Protocol

import torch

from pixelproof.jobs.backends.crew import Report, Share
from pixelproof.jobs.backends.parcel import Parcel, unpacked
from pixelproof.jobs.job import Batch, Job, Outcome
from pixelproof.memory import keep_freed_memory
from pixelproof.runs import Manifest
from pixelproof.runs.table import R, RecordType

#: Seconds between reports; what is found meanwhile goes together, so that the writer keeps up with many workers.
INTERVAL = 0.25


class Line(Protocol):
    """The way between a worker and the process that writes."""

    def send(self, report: Report) -> None: ...

    def receive(self, wait: bool) -> Parcel | Share | None:
        """What comes next; None where nothing is there and it is not to ``wait``, or where nothing will come."""
        ...


def serve(line: Line) -> None:
    """Do what comes through ``line`` until it ends. One thread a worker: there are as many workers as cores."""
    torch.set_num_threads(1)
    keep_freed_memory()
    work: _Work | None = None
    while (order := line.receive(True)) is not None:
        try:
            if isinstance(order, Parcel):
                work = _Work(*unpacked(order), line)
                line.send(Report(room=True))
            else:
                assert work is not None  # as a job is opened before its steps are given
                work.do(order)
        except Exception as error:
            line.send(Report(error=_portable(error)))


class _Work:
    """A job that is open here."""

    def __init__(self, job: Job, manifest: Manifest, line: Line) -> None:
        self._job, self._manifest, self._line = job, manifest, line
        self._outbox = _Outbox(job, line)

    def do(self, share: Share) -> None:
        """Do the steps of ``share``, and those that come meanwhile, which is asked for as soon as there is room."""
        shares, asked = [share], False
        while shares:
            share = shares.pop(0)
            seen, steps = _Seen(self._manifest, share.known, self._outbox), list(share.steps)
            for batch in self._all(seen, steps):
                while isinstance(more := self._line.receive(False), Share):
                    asked = False
                    if more.known or share.known:  # what it needs to see is not what these do
                        shares.append(more)
                    else:
                        steps += more.steps
                self._outbox.add(batch)
                room = batch.room and not asked and not shares
                if room or self._outbox.due:
                    asked = asked or room
                    self._outbox.flush(room)
        self._outbox.flush(room=True)

    def _all(self, seen: "_Seen", steps: list[str]) -> Iterator[Batch]:
        while steps:  # some may have come too late for the part of the job that they are of
            before = list(steps)
            yield from self._job.work(seen, steps)
            if steps == before:
                raise RuntimeError(f"The job does not know these steps: {steps}.")


class _Seen:
    """A run as a worker sees it: its manifest, and the records that came with its steps."""

    def __init__(self, manifest: Manifest, known: Iterable[RecordType], outbox: "_Outbox") -> None:
        self.manifest, self._known, self._outbox = manifest, list(known), outbox

    def of(self, kind: type[R]) -> list[R]:
        return [record for record in self._known if isinstance(record, kind)]

    def commit(self, outcomes: Iterable[Outcome]) -> None:
        self._outbox.add(Batch(list(outcomes), done=0))
        self._outbox.flush()


class _Outbox:
    """Batches on their way: together, but none waits longer than ``INTERVAL`` once the next is there."""

    def __init__(self, job: Job, line: Line) -> None:
        self._job, self._line = job, line
        self._batches: list[Batch] = []
        self._tally, self._sent = job.tally(), time.monotonic()

    @property
    def due(self) -> bool:
        return time.monotonic() - self._sent >= INTERVAL

    def add(self, batch: Batch) -> None:
        """Put ``batch`` in, together with one before it that brings nothing to be kept."""
        if self._batches and not (self._batches[-1].outcomes or self._batches[-1].step):
            last = self._batches.pop()
            done, queries = last.done + batch.done, last.queries + batch.queries
            batch = replace(batch, done=done, queries=queries, ended=[*last.ended, *batch.ended])
        self._batches.append(batch)

    def flush(self, room: bool = False) -> None:
        """Send what there is; ``room`` asks for more steps."""
        now = self._job.tally()
        self._line.send(Report(self._batches, now - self._tally, room))
        self._batches, self._tally, self._sent = [], now, time.monotonic()


def _portable(error: Exception) -> Exception:
    """``error``, with where it was raised, as it can be sent."""
    error.add_note("".join(traceback.format_exception(error)))
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301  # what was just made here
    except Exception:  # of whatever package it is
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
