"""Section `workers` of results/scale.json: what two workers do of what two cores could, and what a step costs.

Usage: python -m benchmarks.workers [--small] [--out FILE]

Every round measures one process, two independent ones over half of the images each, and two workers of each backend,
one after the other, so that what else goes on here weighs on all of them; ratios are taken within a round. Workers are
warm, as they are after the first minute of a long job: what it takes to start them is a row of its own.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from math import ceil
from pathlib import Path
from typing import Any

import torch

from benchmarks import board
from benchmarks.judged import at_least, equal
from benchmarks.options import Options, Row
from pixelproof.jobs.assess_spec import make_spec
from pixelproof.jobs.backends.crew import Crew
from pixelproof.jobs.backends.processes import Processes
from pixelproof.jobs.backends.spread import spread
from pixelproof.jobs.job import Job
from pixelproof.jobs.open import open_job
from pixelproof.jobs.runner import Backend, begin, carry_out, here
from pixelproof.memory import keep_freed_memory
from pixelproof.runs import Record, RunStore

RESULTS = Options.out.with_name("scale.json")
SHARE = 0.9
#: The job whose throughput is measured, and its halves.
JOB: dict[str, Any] = {
    "model": "zoo:resnet20",
    "data": "bundled",
    "levels": (1, 3),
    "max_queries": 100,
    "device": "cpu",
}
#: A job of many steps that are next to nothing: one sample, two queries.
TRIFLES: dict[str, Any] = {
    "model": "zoo:lenet",
    "data": "bundled",
    "attacks": ("few-pixel",),
    "search": "sparse-random",
    "levels": (1,),
    "max_queries": 2,
    "device": "cpu",
}
#: A job that the model speaks of.
LARGE, CREWS = 100_000, (2, 10, 100, 1_000)
_HALF = """
import json, sys, torch
torch.set_num_threads(1)
from benchmarks.workers import measured
from pixelproof.jobs.runner import here
from pixelproof.memory import keep_freed_memory
keep_freed_memory()
print(json.dumps(measured(json.loads(sys.argv[1]), here, wait=True)[0].plain()), flush=True)
"""


@dataclass(frozen=True)
class Spent:
    """What the work of a job took: seconds of the clock and of this process's core, queries, steps and records."""

    wall: float
    cpu: float
    queries: float
    steps: int
    records: int

    @property
    def speed(self) -> float:
        """Queries a second."""
        return self.queries / self.wall

    def plain(self) -> dict[str, Any]:
        return dict(vars(self))


def measured(options: dict[str, Any], backend: Backend, wait: bool = False) -> tuple[Spent, list[Record]]:
    """The work of the assessment of ``options``, without what goes before it; it may ``wait`` for a line first."""
    job = open_job(make_spec(**options))
    run = begin(job, None)
    steps = len(job.left(run))
    if wait:
        print("ready", flush=True)
        sys.stdin.readline()
    wall, cpu = time.perf_counter(), time.process_time()
    carry_out(run, job, backend=backend)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    records = [replace(record, seconds=0.0) for record in run.records()]
    return Spent(wall, cpu, run.manifest.timings["queries"], steps, len(records)), records


def backend_of(crew: Crew) -> Backend:
    def backend(job: Job, run: RunStore, steps: list[str]) -> Iterator[Any]:
        return spread(crew, job, run, steps)

    return backend


@contextmanager
def crews(size: int) -> Iterator[dict[str, Crew]]:
    """By name one of every backend that is installed."""
    found: dict[str, Crew] = {"processes": Processes(size)}
    if find_spec("ray"):
        from pixelproof.jobs.backends.ray_cluster import RayCluster

        found["Ray"] = RayCluster(size)
    try:
        yield found
    finally:
        for crew in found.values():
            crew.close()


def independent(job: dict[str, Any]) -> float:
    """Queries a second of two processes that know nothing of each other, begun together."""
    halves = [{**job, "range": (start, start + 500), "samples": job["samples"] // 2} for start in (0, 500)]
    command = [sys.executable, "-c", _HALF]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes: list[Any] = [subprocess.Popen([*command, json.dumps(half)], **pipes) for half in halves]
    for each in processes:
        assert each.stdout.readline() == "ready\n"
    for each in processes:
        each.stdin.write("go\n")
        each.stdin.flush()
    said = [Spent(**json.loads(each.communicate()[0])) for each in processes]
    return sum(each.queries for each in said) / max(each.wall for each in said)


def rows(small: bool = False) -> list[Row]:
    """Throughput beside independent processes, overhead a step, and what follows for many workers."""
    samples, rounds = (64, 1) if small else (192, 3)
    job = {**JOB, "samples": samples}
    if small:
        job["max_queries"] = 60
    with crews(2) as pair:
        starts = {
            name: measured({**job, "samples": 2, "max_queries": 2}, backend_of(crew))[0].wall
            for name, crew in pair.items()
        }
        alone, apart, spent = [], [], dict[str, list[Spent]]({name: [] for name in pair})
        same = dict.fromkeys(pair, True)
        for _ in range(rounds):
            one, records = measured(job, here)
            alone.append(one)
            apart.append(independent(job))
            for name, crew in pair.items():
                took, theirs = measured(job, backend_of(crew))
                spent[name].append(took)
                same[name] = same[name] and theirs == records
    step = statistics.median(one.wall / one.steps for one in alone)
    found = [_ratio("two independent processes ÷ one", apart, [one.speed for one in alone], None)]
    for name, each in spent.items():
        found.append(_ratio(f"two workers, {name} ÷ two independent processes", [s.speed for s in each], apart, SHARE))
        found.append(equal(f"two workers, {name}: records equal to one process's, bit for bit", same[name]))
        found.append(at_least(f"{name}: two workers start and open the job", starts[name], "s", None))
    for name, (overhead, cpu) in _overheads(small).items():
        writer = statistics.median(s.cpu / s.steps for s in spent[name])
        found.append(at_least(f"{name}: overhead a step, one worker, warm", 1000 * overhead, "ms", None))
        found.append(at_least(f"{name}: the writer's core a step of next to nothing", 1000 * cpu, "ms", None))
        found += _model(name, step, overhead, writer)
    return found


def _ratio(claim: str, ours: list[float], theirs: list[float], target: float | None) -> Row:
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    speeds = {"queries_a_second": [round(each, 1) for each in ours]}
    shown = [round(each, 3) for each in ratios]
    return at_least(claim, statistics.median(ratios), "×", target, network="resnet20", rounds=shown, **speeds)


def _overheads(small: bool) -> dict[str, tuple[float, float]]:
    """By backend the seconds of the clock, beside one process, and of the writer's core that a step costs."""
    trifles, found = {**TRIFLES, "samples": 100 if small else 600}, dict[str, tuple[float, float]]()
    with crews(1) as single:
        for name, crew in single.items():
            measured(trifles, backend_of(crew))
            base, spent = measured(trifles, here)[0], measured(trifles, backend_of(crew))[0]
            found[name] = max(0.0, spent.wall - base.wall) / spent.steps, spent.cpu / spent.steps
    return found


def _model(name: str, step: float, overhead: float, writer: float) -> list[Row]:
    """What many workers would make of a large job: whichever lasts longest, their steps or the writer's part."""
    steps = 2 * ceil(LARGE / 32)
    assumed = (
        f"{LARGE:,} samples at the job above: {steps:,} steps of {step:.2f} s on one core, which are alike; each costs "
        f"its worker {1000 * overhead:.1f} ms and the writer {1000 * writer:.1f} ms of a core, whatever the number of "
        "workers; cores do not slow each other; selection, start and network are not counted; no worker dies"
    )
    found = []
    for workers in CREWS:
        seconds = max(ceil(steps / workers) * (step + overhead), steps * writer)
        efficiency = steps * step / (workers * seconds)
        claim = f"{name}, model: share of {workers:,} workers' time that goes into steps"
        found.append(at_least(claim, efficiency, "×", None, seconds=round(seconds, 1), assumptions=assumed))
    return found


def main() -> None:
    """Measure, print, and put the rows in the place of the earlier ones."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.workers", description=__doc__)
    parser.add_argument("--small", action="store_true", help="one short round; nothing is written without --out")
    parser.add_argument("--out", type=Path, default=None)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()
    begun, found = time.perf_counter(), rows(chosen.small)
    for row in found:
        print(f"{row['claim']}: {row['value']} {row['unit']} (target {row['target']})", flush=True)
    if chosen.out or not chosen.small:
        command = "python -m benchmarks.workers" + (" --small" if chosen.small else "")
        board.write("workers", found, command, time.perf_counter() - begun, chosen.out or RESULTS)


if __name__ == "__main__":
    main()
