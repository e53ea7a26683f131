"""`make cluster-demo`: two workers of a Ray cluster on this machine, one killed in the middle; same records.

python tools/cluster_demo.py [--backend processes] shows it without Ray.
"""

import argparse
import os
import signal
import tempfile
from dataclasses import replace
from pathlib import Path

from pixelproof.jobs.assess_spec import make_spec
from pixelproof.jobs.backends.crew import Crew
from pixelproof.jobs.backends.processes import Processes
from pixelproof.jobs.backends.spread import spread
from pixelproof.jobs.job import Job
from pixelproof.jobs.open import open_job
from pixelproof.jobs.runner import run_job
from pixelproof.runs import Record, RunStore
from pixelproof.runs.progress import Listener, Progress

OPTIONS = {
    "model": "zoo:lenet",
    "data": "bundled",
    "samples": 160,
    "levels": (1, 3),
    "max_queries": 100,
    "device": "cpu",
}


def job() -> Job:
    return open_job(make_spec(**OPTIONS))


def contents(run: RunStore) -> list[tuple[Record, bytes | None]]:
    """All that must be equal: the records but for their seconds, and the images' bytes."""
    images = {record: run.image(record) for record in run.records()}
    return [(replace(each, seconds=0.0), None if found is None else found.tobytes()) for each, found in images.items()]


def killer(crew: Crew, killed: list[int]) -> Listener:
    """A listener that kills a worker of ``crew`` once a quarter is done."""

    def listen(progress: Progress) -> None:
        if not killed and 4 * progress.done >= progress.total:
            killed.append(crew.pids()[0])
            os.kill(killed[0], signal.SIGKILL)
            print(f"{progress.done:.0f} of {progress.total:.0f} done: worker {killed[0]} is killed", flush=True)

    return listen


def crew_of(backend: str) -> Crew:
    if backend == "processes":
        return Processes(2)
    from pixelproof.jobs.backends.ray_cluster import RayCluster

    return RayCluster(2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backend", choices=("ray", "processes"), default="ray")
    crew, killed = crew_of(parser.parse_args().backend), list[int]()
    print(f"workers: {type(crew).__name__}, {crew.size}", flush=True)
    try:
        with tempfile.TemporaryDirectory() as folder:
            run = run_job(
                job(), Path(folder) / "run", killer(crew, killed), lambda job, run, steps: spread(crew, job, run, steps)
            )
            found = contents(run)
            run.close()
    finally:
        crew.close()
    with run_job(job(), None) as alone:
        same = found == contents(alone)
    verdict = "equal" if same else "NOT equal"
    print(f"{len(found)} records from two workers, one of them killed: {verdict} to one process's")
    raise SystemExit(0 if same and killed else 1)


if __name__ == "__main__":
    main()
