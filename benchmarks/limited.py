"""Runs a peer in a process of its own, so that it can be stopped when its time is up."""

import contextlib
import io
import multiprocessing as mp
import os
import time
import traceback
import warnings
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import torch

from benchmarks import networks
from benchmarks.check import stands, to_8_bit, to_unit
from benchmarks.counting import Counted
from benchmarks.missing import MissingError, optional
from benchmarks.peers import PEERS
from benchmarks.pictures import Pictures, UInt8
from pixelproof.memory import keep_freed_memory


@dataclass(frozen=True)
class Call:
    """One call of a peer: the images it returned (None: stopped, or it failed), and what it cost."""

    images: UInt8 | None
    queries: int
    seconds: float
    cpu_seconds: float  # of its process: what the wall would show were nothing else running (one thread)
    model_seconds: float
    trouble: str | None


class Runner:
    """A peer on a network in another process, begun again after each time-out."""

    def __init__(self, peer: str, network: str, threads: int) -> None:
        self._setting, self._threads = (peer, network, threads), threads
        self._context = mp.get_context("spawn")
        self._shared: Any = self._context.RawArray("d", 3)
        self._process: Any = None
        self._link: Any = None

    def __call__(self, pictures: Pictures, threshold: int, limit: float) -> Call:
        """The peer's answer to ``pictures``, or what it had spent when its ``limit`` was over.

        The limit is in seconds of its process's own work, so that a busy machine stops nothing early; where it does
        not even ask its model, four times as much of the wall clock ends it too.
        """
        if self._process is None:
            self._start()
        self._shared[:] = (0.0, 0.0, 0.0)
        begun = time.perf_counter()
        self._link.send((pictures.images, pictures.labels, threshold))
        start = float(self._link.recv())
        while not self._link.poll(1.0):
            worked, passed = self._shared[2] - start, time.perf_counter() - begun
            if worked > limit * self._threads or passed > 4 * limit:
                return self._ended(begun, start, f"stopped after {limit:g} s")
        try:
            answer: Call = self._link.recv()
        except EOFError:
            return self._ended(begun, start, "its process died")
        return answer

    def _ended(self, begun: float, start: float, trouble: str) -> Call:
        queries, model, worked = self._shared
        self._process.kill()
        self.close()
        return Call(None, int(queries), time.perf_counter() - begun, max(0.0, worked - start), model, trouble)

    def close(self) -> None:
        """End the process: asked to, or else killed."""
        if self._process is not None:
            with contextlib.suppress(OSError):
                self._link.send(None)
            self._process.join(5)
            self._process.kill()
            self._process.join()
            self._process = None

    def _start(self) -> None:
        os.environ.setdefault("PYTHONWARNINGS", "ignore")  # the peers' own, and what a stopped one leaves behind
        self._link, theirs = self._context.Pipe()
        self._process = self._context.Process(target=_serve, args=(theirs, self._shared, *self._setting), daemon=True)
        self._process.start()
        theirs.close()
        self._link.recv()  # imported and loaded: the clock may run


def _serve(link: Connection, shared: Any, name: str, network: str, threads: int) -> None:
    torch.set_num_threads(threads)
    keep_freed_memory()
    peer = PEERS[name]
    optional(peer.package)
    counted = Counted(networks.load(network))
    counted.shared = shared
    link.send("ready")
    while (order := link.recv()) is not None:
        images, labels, threshold = order
        counted.queries, counted.seconds = 0, 0.0
        np.random.seed(0)  # noqa: NPY002 (the peers draw from it)
        torch.manual_seed(0)
        found, trouble = None, None
        begun, work_begun = time.perf_counter(), time.process_time()
        link.send(work_begun)
        try:
            with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
                warnings.simplefilter("ignore")
                found = peer.run(counted, to_unit(images), torch.from_numpy(labels), threshold)
        except Exception:
            trouble = "failed: " + traceback.format_exc().strip().splitlines()[-1]
        seconds, worked = time.perf_counter() - begun, time.process_time() - work_begun
        answer = None if found is None else to_8_bit(found)
        link.send(Call(answer, counted.queries, seconds, worked, counted.seconds, trouble))


@dataclass(frozen=True)
class PeerResult:
    """What a peer reached on some pictures, judged by the shared check."""

    fooled: list[bool]
    images: list[UInt8 | None]
    queries: int
    seconds: list[float]  # for each call: an image, or the whole batch
    cpu_seconds: float
    model_seconds: float
    stopped: int  # images whose time was over
    troubles: list[str]


def run_peer(peer: str, network: str, pictures: Pictures, threshold: int, limit: float, threads: int) -> PeerResult:
    """``peer`` on ``pictures``: one call an image, or one call for all where it is batched. Raises ``MissingError``."""
    what = PEERS[peer]
    optional(what.package)
    judge = networks.load(network)
    groups = [pictures] if what.batched else [_one(pictures, k) for k in range(len(pictures))]
    runner = Runner(peer, network, threads)
    try:
        calls = [runner(group, threshold, limit * len(group)) for group in groups]
    except EOFError as error:
        raise MissingError(f"{what.tool} could not be started in a process of its own; see the text above.") from error
    finally:
        runner.close()
    fooled: list[bool] = []
    images: list[UInt8 | None] = []
    for group, call in zip(groups, calls, strict=True):
        if call.images is None:
            fooled += [False] * len(group)
            images += [None] * len(group)
        else:
            bound = threshold if what.bounded else None
            fooled += stands(judge, group.images, call.images, group.labels, what.attack, bound)
            images += list(call.images)
    return PeerResult(
        fooled=fooled,
        images=images,
        queries=sum(call.queries for call in calls),
        seconds=[call.seconds for call in calls],
        cpu_seconds=sum(call.cpu_seconds for call in calls),
        model_seconds=sum(call.model_seconds for call in calls),
        stopped=sum(
            len(group)
            for group, call in zip(groups, calls, strict=True)
            if call.trouble is not None and call.trouble.startswith("stopped")
        ),
        troubles=list(dict.fromkeys(call.trouble for call in calls if call.trouble is not None)),
    )


def _one(pictures: Pictures, k: int) -> Pictures:
    part = slice(k, k + 1)
    return Pictures(pictures.images[part], pictures.labels[part], pictures.classes, pictures.indices[part])
