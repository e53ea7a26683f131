"""Section `soak`: run after run in one process, as a notebook or a service does it; memory and file handles stay flat.

What counts is the growth from the second quarter to the last: the first fills caches that are meant to stay. It goes on
for a time, however much is done in it, and so leaves the cores to other sections.
"""

import os
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory

import torch

from benchmarks.judged import at_least, at_most
from benchmarks.options import Row
from benchmarks.torture.cases import cases

COMMAND = "python -m benchmarks.torture soak"
SECONDS, SMALL_SECONDS = 20 * 60, 20
#: Rounds that it makes at least, however slow the machine: of fewer the second quarter is still the beginning.
LEAST = 8
#: MiB that the memory may grow by, and file handles, from the second quarter to the last.
MEMORY, HANDLES = 16.0, 0
_PAGE = os.sysconf("SC_PAGE_SIZE")


def rows(small: bool) -> list[Row]:
    """How much memory and handles grow while every job, plan and training is done again and again."""
    torch.set_num_threads(1)
    os.nice(10)
    command = f"{COMMAND}{' --small' if small else ''}"
    with TemporaryDirectory(prefix="pixelproof-soak-") as folder:
        sizes, handles, done = _soaked(Path(folder), SMALL_SECONDS if small else SECONDS)
    about = {"command": command, "rounds": len(sizes), "mebibytes": [round(each, 1) for each in _thinned(sizes)]}
    return [
        at_least("jobs, plans and trainings done in one process", done, "runs", None, **about),
        at_most("memory: growth from the second quarter to the last", grown(sizes), "MiB", MEMORY, **about),
        at_most("open file handles: growth from the second quarter to the last", grown(handles), "handles", HANDLES)
        | {"command": command},
    ]


def _soaked(work: Path, seconds: float) -> tuple[list[float], list[float], int]:
    """Resident MiB and open handles after every round, and how many runs there were."""
    every, until = cases(work / "given"), time.monotonic() + seconds
    every["levels"].go(work / "given" / "finished")
    sizes: list[float] = []
    handles: list[float] = []
    done = 0
    while time.monotonic() < until or len(sizes) < LEAST:
        for name, case in every.items():
            with TemporaryDirectory(dir=work) as out:
                case.go(Path(out) / name)
            done += 1
        sizes.append(resident())
        handles.append(open_handles())
    return sizes, handles, done


def resident() -> float:
    """MiB of this process that lie in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE / 2**20


def open_handles() -> int:
    """File handles of this process."""
    return len(os.listdir("/proc/self/fd"))


def grown(values: Sequence[float]) -> float:
    """The mean of the last quarter of four values or more less that of the second."""
    quarter = len(values) // 4
    return mean(values[-quarter:]) - mean(values[quarter : 2 * quarter])


def _thinned(values: Sequence[float], count: int = 20) -> list[float]:
    return list(values[:: max(1, len(values) // count)])
