"""Workers as actors of a Ray cluster: one core or GPU each, the job handed over once by reference."""

import contextlib
import logging
import os
import queue
import socket
import threading
from dataclasses import replace
from typing import Any

import numpy as np

from pixelproof.errors import InputError
from pixelproof.extras import needed
from pixelproof.jobs.backends.crew import Lost, Report, Share
from pixelproof.jobs.backends.parcel import Parcel
from pixelproof.jobs.backends.worker import serve
from pixelproof.wording import first_line

#: Seconds that the head of a cluster has to answer.
PATIENCE = 10.0

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent to anybody unasked
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # else it warns that this will be the default


class RayCluster:
    """A crew of actors of the cluster at ``address``; None starts one on this machine.

    ``size`` None: as many as the cluster has CPUs.
    """

    def __init__(self, size: int | None = None, address: str | None = None) -> None:
        self._ray = needed("ray", "ray", "--backend ray")
        _connect(self._ray, size, address)
        self.size = size or max(1, int(self._ray.cluster_resources().get("CPU", 1)))
        self._actors: dict[int, Any] = {}
        self._awaited: dict[Any, int] = {}  # the next report of each worker
        self._parcel: tuple[Parcel, Any] | None = None

    def open(self, worker: int, parcel: Parcel) -> None:
        if self._parcel is None or self._parcel[0] is not parcel:
            # Arrays of a shared store are not copied: all workers of a machine read the same.
            buffers = [np.frombuffer(each, np.uint8) for each in parcel.buffers]
            self._parcel = parcel, self._ray.put(replace(parcel, buffers=buffers))
        if worker not in self._actors:
            self._actors[worker] = self._started(gpu=parcel.gpu)
            self._await(worker)
        self._actors[worker].take.remote(self._parcel[1])

    def _started(self, gpu: bool) -> Any:
        """An actor with two threads: one takes orders, one waits for what is to be reported."""
        resources: dict[str, Any] = {"num_cpus": 1, "num_gpus": 1 if gpu else 0, "max_concurrency": 2}
        return self._ray.remote(Actor).options(**resources).remote()

    def _await(self, worker: int) -> None:
        self._awaited[self._actors[worker].report.remote()] = worker

    def give(self, worker: int, share: Share) -> None:
        self._actors[worker].take.remote(share)

    def listen(self) -> tuple[int, Report | Lost]:
        (ref,), _ = self._ray.wait(list(self._awaited), num_returns=1)
        worker = self._awaited.pop(ref)
        try:
            report = self._ray.get(ref)
        except self._ray.exceptions.RayError as error:
            self._actors.pop(worker)
            return worker, Lost(_why(error))
        assert isinstance(report, Report)
        self._await(worker)
        return worker, report

    def pids(self) -> list[int]:
        """The processes of its workers, on whichever machines they are."""
        found: list[int] = self._ray.get([actor.pid.remote() for actor in self._actors.values()])
        return found

    def dismiss(self, worker: int) -> None:
        if worker in self._actors:
            self._awaited = {ref: each for ref, each in self._awaited.items() if each != worker}
            self._ray.kill(self._actors.pop(worker))

    def close(self) -> None:
        for worker in list(self._actors):
            self.dismiss(worker)
        self._ray.shutdown()


class Actor:
    """A worker in a cluster. Its work runs in a thread of its own; calls only put orders in and take reports out."""

    def __init__(self) -> None:
        self._orders, self._reports = queue.SimpleQueue[Parcel | Share](), queue.SimpleQueue[Report]()
        threading.Thread(target=serve, args=(self,), daemon=True).start()

    # Called from where the run is written.

    def take(self, order: Parcel | Share) -> None:
        self._orders.put(order)

    def report(self) -> Report:
        """Wait for the next report."""
        return self._reports.get()

    def pid(self) -> int:
        return os.getpid()

    # The line of the worker's thread.

    def send(self, report: Report) -> None:
        self._reports.put(report)

    def receive(self, wait: bool) -> Parcel | Share | None:
        with contextlib.suppress(queue.Empty):
            return self._orders.get(block=wait)
        return None


def _connect(ray: Any, size: int | None, address: str | None) -> None:
    options: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    if address is None:
        cores = size or os.cpu_count() or 1
        try:
            ray.init("local", num_cpus=cores, include_dashboard=False, **options)
        except Exception as error:  # Ray's own say no more
            raise InputError(
                f"--backend ray: Ray does not start on this machine ({first_line(error)}); expected some free memory "
                "and processor time, so try again, or start it with ray start --head and add --address auto."
            ) from error
        return
    _check_answers(address)
    try:
        ray.init(address, **options)
    except Exception as error:
        raise InputError(
            f"--address: the Ray cluster at {address} cannot be joined ({first_line(error)}); expected one of the same "
            "Ray and Python, so see ray status there."
        ) from error


def _check_answers(address: str) -> None:
    """Ray itself waits for minutes for a cluster that is not there."""
    host, colon, port = address.rpartition(":")
    if address == "auto":
        return
    if not colon or not port.isdecimal():
        raise InputError(f"--address: HOST:PORT of the cluster's head, or auto, was expected, not {address!r}.")
    try:
        socket.create_connection((host, int(port)), PATIENCE).close()
    except (OSError, OverflowError) as error:
        raise InputError(
            f"--address: there is no Ray cluster at {address} ({first_line(error)}); start one with ray start --head, "
            "or leave the address out to start one here."
        ) from error


def _why(error: Exception) -> str:
    """Why an actor is no more, in a few words."""
    return first_line(error).rstrip(".")
