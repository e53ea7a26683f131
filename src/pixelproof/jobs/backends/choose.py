"""The backend that somebody asks for, in the words of the command line."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pixelproof.errors import InputError
from pixelproof.jobs.job import Batch, Job
from pixelproof.jobs.runner import Backend, here
from pixelproof.runs import RunStore
from pixelproof.wording import meant, shown

# What crews need of jobs is read where there is to be one.
if TYPE_CHECKING:
    from pixelproof.jobs.backends.crew import Crew

NAMES = ("processes", "ray")


@contextmanager
def opened(
    workers: int | None = None,
    name: str | None = None,
    address: str | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Iterator[Backend]:
    """What has steps done by so many ``workers``: processes of this machine, or by ``name`` ``ray`` those of a cluster.

    None: this process alone, or as many as there are CPUs. ``address``: where the cluster is (``auto``: the one that
    this machine is part of); None starts one here. ``say`` is told what somebody may wonder about. Workers live as long
    as the context. Raises ``InputError`` for what cannot be.
    """
    _check(workers, name, address)
    if name is None and workers is None:
        yield here
        return
    from pixelproof.jobs.backends.spread import spread

    crew = _crew(workers, name, address)

    def backend(job: Job, run: RunStore, steps: list[str]) -> Iterator[Batch]:
        return spread(crew, job, run, steps, say)

    try:
        yield backend
    finally:
        crew.close()


def _crew(workers: int | None, name: str | None, address: str | None) -> Crew:
    if name == "ray":
        from pixelproof.jobs.backends.ray_cluster import RayCluster  # which needs its package

        return RayCluster(workers, address)
    from pixelproof.jobs.backends.processes import Processes

    return Processes(workers or os.cpu_count() or 1)


def _check(workers: int | None, name: str | None, address: str | None) -> None:
    if workers is not None and (isinstance(workers, bool) or not isinstance(workers, int) or workers < 1):
        raise InputError(f"--workers: a whole number of 1 or more was expected, not {shown(workers)}.")
    if name is not None and name not in NAMES:
        raise InputError(f"--backend: it is processes or ray, not {shown(name)}{meant(str(name), NAMES)}.")
    if address is not None and name != "ray":
        raise InputError("--address: only a Ray cluster has one; add --backend ray.")
    if name != "ray" and os.name != "posix" and (name, workers) != (None, None):
        raise InputError("--workers: processes share memory as POSIX systems have it; use --backend ray here.")
