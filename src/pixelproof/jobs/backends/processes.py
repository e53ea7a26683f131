"""Workers as processes of this machine, each started anew, with a pipe to it and the job's pixels in shared memory."""

import mmap
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import accumulate
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import recv_handle, send_handle
from types import ModuleType

from pixelproof.jobs.backends.crew import Lost, Report, Share
from pixelproof.jobs.backends.parcel import Buffer, Parcel
from pixelproof.jobs.backends.worker import serve

#: Read by the libraries below torch when they are loaded.
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


Line = Connection  # sends orders, brings reports; of a worker the other way round


@dataclass(frozen=True)
class _Worker:
    process: BaseProcess
    line: Line


class Processes:
    """A crew of ``size`` processes of this machine."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._workers: dict[int, _Worker] = {}
        self._shared: tuple[Parcel, int, list[int]] | None = None  # a parcel, and the file in memory of its buffers

    def open(self, worker: int, parcel: Parcel) -> None:
        if worker not in self._workers:
            self._workers[worker] = _started(worker)
        at, file, sizes = self._share(parcel)
        found = self._workers[worker]
        with suppress(OSError):  # of one that died again: it will be told of as lost
            found.line.send((replace(at, buffers=()), sizes))
            send_handle(found.line, file, found.process.pid)

    def _share(self, parcel: Parcel) -> tuple[Parcel, int, list[int]]:
        if self._shared is None or self._shared[0] is not parcel:
            self._forget()
            self._shared = parcel, _in_memory(parcel.buffers), [len(each) for each in parcel.buffers]
        return self._shared

    def _forget(self) -> None:
        if self._shared is not None:
            os.close(self._shared[1])
            self._shared = None

    def give(self, worker: int, share: Share) -> None:
        with suppress(OSError):
            self._workers[worker].line.send(share)

    def listen(self) -> tuple[int, Report | Lost]:
        by_line = {each.line: number for number, each in self._workers.items()}
        line = wait(list(by_line))[0]
        number = by_line[line]  # type: ignore[index]
        try:
            report = self._workers[number].line.recv()
        except (EOFError, OSError):
            return number, Lost(self._end(number))
        assert isinstance(report, Report)
        return number, report

    def _end(self, number: int) -> str:
        """Take away a worker that is no more; why it ended, in a few words."""
        gone = self._workers.pop(number)
        gone.line.close()
        gone.process.join(1)
        if gone.process.exitcode is None:
            gone.process.kill()
            gone.process.join()
        code = gone.process.exitcode or 0
        return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"

    def pids(self) -> list[int]:
        """The processes of its workers."""
        return [each.process.pid or 0 for each in self._workers.values()]

    def dismiss(self, worker: int) -> None:
        if worker in self._workers:
            self._workers[worker].process.terminate()
            self._end(worker)

    def close(self) -> None:
        for each in self._workers.values():
            each.process.terminate()
        for number in list(self._workers):
            self._end(number)
        self._forget()


def _in_memory(buffers: Iterable[Buffer]) -> int:
    """A file without a name that holds ``buffers``, one after the other; its descriptor."""
    if hasattr(os, "memfd_create"):
        file = os.memfd_create("pixelproof")
    else:
        with tempfile.TemporaryFile() as nameless:
            file = os.dup(nameless.fileno())
    with os.fdopen(os.dup(file), "wb") as out:
        for each in buffers:
            out.write(each)
    return file


def _started(number: int) -> _Worker:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_main, args=(theirs,), name=f"pixelproof worker {number}", daemon=True)
    with _apart():
        process.start()
    theirs.close()
    return _Worker(process, ours)


@contextmanager
def _apart() -> Iterator[None]:
    """What is started here reads nothing of the program that asked for it, heeds no Ctrl-C, and has one thread.

    Ctrl-C reaches every process of a terminal, but it is the one that writes which ends the others. The program's main
    module would be imported again, though a worker needs none of it: its models go along as they are.
    """
    main, environment = sys.modules["__main__"], dict(os.environ)
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    sys.modules["__main__"] = ModuleType("__main__")
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
    try:
        yield
    finally:
        sys.modules["__main__"] = main
        for name in _ONE_THREAD:
            if name in environment:
                os.environ[name] = environment[name]
            else:
                del os.environ[name]
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def _main(line: Line) -> None:
    """The life of a worker."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        serve(_Pipe(line))


def _end_with_parent() -> None:
    """A worker whose writer was killed must not go on for as long as a step takes."""
    parent = multiprocessing.parent_process()
    assert parent is not None  # as this runs in a worker
    wait([parent.sentinel])
    os._exit(1)


class _Pipe:
    """The worker's end."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def send(self, report: Report) -> None:
        self._line.send(report)

    def receive(self, wait: bool) -> Parcel | Share | None:
        if not wait and not self._line.poll():
            return None
        order = self._line.recv()
        if isinstance(order, Share):
            return order
        parcel: Parcel = order[0]
        return replace(parcel, buffers=_mapped(recv_handle(self._line), order[1]))


def _mapped(file: int, sizes: list[int]) -> list[Buffer]:
    """What ``_in_memory`` has written, read from the same memory."""
    if not sum(sizes):
        os.close(file)
        return [b""] * len(sizes)
    whole = memoryview(mmap.mmap(file, 0, access=mmap.ACCESS_READ))
    os.close(file)
    return [whole[end - size : end] for size, end in zip(sizes, accumulate(sizes), strict=True)]
