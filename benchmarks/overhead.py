"""What a query costs beside the model, with few samples and with many: a stand-in for a network that costs next to
nothing, asked by a run on disk as every other is.

Two processes take turns, one with the many samples, one with the few again and again, so that whatever else the machine
does weighs on both alike. Their processor's time is compared, not the clock's.
"""

import gc
import multiprocessing as mp
import resource
import tempfile
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.judged import at_most
from benchmarks.options import Row
from pixelproof.data import ImageSet
from pixelproof.data.imageset import UInt8Array
from pixelproof.data.lazy import LazyImages
from pixelproof.jobs.assess import AssessJob
from pixelproof.jobs.assess_spec import make_spec
from pixelproof.jobs.runner import begin, carry_out
from pixelproof.memory import keep_freed_memory
from pixelproof.models.classifier import ScoreKind
from pixelproof.runs.progress import Progress
from pixelproof.units import to_unit

Shape = tuple[int, int, int]

SMALL, CIFAR = (8, 8, 1), (32, 32, 3)
#: A search that costs little, so that what the engine, the job and the run add shows, and a tenth of the usual budget.
SETTINGS: dict[str, Any] = {
    "attacks": ["threshold"],
    "search": "square",
    "levels": [1],
    "max_queries": 100,
    "batch_size": 64,
}
#: Parts of the many samples' run between which the few samples' run takes its turns.
TURNS = 20
#: What the ratio may be.
FLAT = 1.1


@dataclass(frozen=True)
class Cost:
    """What some runs took in all: seconds of the processor at work on steps, and before them; queries; MiB at most."""

    seconds: float
    before: float
    queries: int
    peak: float

    @property
    def per_query(self) -> float:
        """Microseconds of the processor for a query, the run's beginning left out."""
        return 1e6 * self.seconds / self.queries


class Stub:
    """Two classes by the sign of a fixed sum over the first channel, which a step of two breaks for some images."""

    name, differentiable, fingerprint = "stub", False, "stub"
    kind: ScoreKind = "logits"

    def __init__(self, shape: Shape) -> None:
        self._weights = torch.from_numpy(np.random.default_rng(0).normal(size=shape[:2]).astype(np.float32)).flatten()

    def scores(self, images: Tensor) -> Tensor:
        """Images N×C×H×W in [0, 1] to N×2."""
        margin = images[:, 0].flatten(1) @ self._weights
        return torch.stack([margin, -margin], 1)


def _data(samples: int, shape: Shape) -> ImageSet:
    """Noise, labelled by what the stub says of it; read when it is asked for, as big sets are."""
    stub = Stub(shape)

    def read(index: int) -> UInt8Array:
        return np.random.default_rng((1, index)).integers(0, 256, shape, np.uint8)

    def label(index: int) -> int:
        return int(stub.scores(to_unit(torch.from_numpy(read(index))[None])).argmax())

    images = LazyImages(read, np.arange(samples), shape)
    return ImageSet(images, np.array([label(k) for k in range(samples)]), ("positive", "negative"), "noise")


def measure(samples: int, turns: Connection | None = None, shape: Shape = SMALL, **settings: Any) -> Cost:
    """One run of ``samples`` in a folder of its own; at the end of ``turns`` another takes one now and then."""
    data, marked = _data(samples, shape), 0.0

    def listen(progress: Progress) -> None:
        nonlocal marked
        if turns is not None and progress.done - marked >= progress.total / TURNS:
            marked = progress.done
            turns.send("again")
            turns.recv()

    gc.collect()
    begun = time.process_time()
    with tempfile.TemporaryDirectory(prefix="pixelproof-") as folder:
        spec = make_spec(model="python:stub", data="noise", samples=samples, **{**SETTINGS, **settings})
        job = AssessJob(spec, Stub(shape), data)
        with begin(job, Path(folder, "run")) as run:
            started = time.process_time()
            carry_out(run, job, listen)
            ended = time.process_time()
            queries = int(run.manifest.timings["queries"])
    return Cost(ended - started, started - begun, queries, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def compared(few: int, many: int) -> tuple[Cost, Cost]:
    """The cost with ``few`` samples, all turns together, and with ``many``."""
    context = mp.get_context("spawn")
    ours, theirs = context.Pipe()
    other = context.Process(target=_take_turns, args=(theirs, few), daemon=True)
    other.start()
    try:
        ours.recv()  # it is warm
        measure(few)
        large = measure(many, ours)
        ours.send(None)
        small: Cost = ours.recv()
    finally:
        other.join(30)
        other.kill()
    return small, large


def _take_turns(link: Connection, samples: int) -> None:
    torch.set_num_threads(1)
    keep_freed_memory()
    measure(samples)
    link.send("ready")
    costs = []
    while link.recv() is not None:
        costs.append(measure(samples))
        link.send("done")
    total = Cost(
        sum(c.seconds for c in costs), sum(c.before for c in costs), sum(c.queries for c in costs), costs[-1].peak
    )
    link.send(total)


def rows(small: bool) -> list[Row]:
    """What a query costs with many samples in terms of what it costs with few, and the memory of the larger run."""
    few, many = 1_000, 10_000 if small else 100_000
    one, other = compared(few, many)
    about = {
        "few_us_per_query": round(one.per_query, 2),
        "many_us_per_query": round(other.per_query, 2),
        "few_queries": one.queries,
        "many_queries": other.queries,
        "beginning_us_per_sample": round(1e6 * other.before / many, 1),
        "image": "8×8×1",
        "search": f"{SETTINGS['search']}, level 1, {SETTINGS['max_queries']} queries",
    }
    claim = f"Processor's time for a query beside the model: with {many:,} samples ÷ with {few:,}"
    return [at_most(claim, other.per_query / one.per_query, "×", FLAT, **about)]
