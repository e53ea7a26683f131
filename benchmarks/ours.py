"""pixelproof on the same pictures, through its public interface, judged by the same check."""

import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import nn

import pixelproof as pp
from benchmarks.check import stands
from benchmarks.missing import MissingError
from benchmarks.pictures import Pictures
from pixelproof.data import ImageSet
from pixelproof.jobs.assess import AssessJob
from pixelproof.jobs.assess_spec import DEFAULT_SAMPLES, make_spec
from pixelproof.jobs.job import choose_device
from pixelproof.jobs.runner import begin, carry_out
from pixelproof.models import wrap_model
from pixelproof.runs import RunStore
from pixelproof.search.registry import SEARCHES

#: The model-free search that stands for the published best of each attack.
MODEL_FREE = {"few-pixel": "sparse-random", "threshold": "square"}
#: The published ones; our square follows the paper.
PUBLISHED = {"few-pixel": "sparse-rs", "threshold": "square"}


@dataclass(frozen=True)
class Own:
    """One attack at one threshold: an entry a picture; pictures that the model gets wrong (noise) are left out."""

    fooled: list[bool]
    queries: list[int]
    wall: float  # of everything, preflight and selection included
    cpu: float  # likewise, as the processor counts it: what the wall would show on one idle core
    seconds: float  # of the attack alone
    attack_cpu: float
    total_queries: int
    found_by: dict[str, int]
    batch: int
    budget: int
    pictures: int
    refused: int  # claims that the shared check does not confirm

    @property
    def success(self) -> float:
        """Per cent fooled."""
        return 100 * sum(self.fooled) / len(self.fooled)

    @property
    def mean_queries(self) -> float:
        """Asked, given up ones included."""
        return float(np.mean(self.queries))

    @property
    def mean_full(self) -> float:
        """The mean where a failure counts as the whole budget, as the literature has it."""
        pairs = zip(self.fooled, self.queries, strict=True)
        return float(np.mean([queries if good else self.budget for good, queries in pairs]))

    def success_within(self, queries: int) -> float:
        """Per cent fooled with at most so many queries."""
        pairs = zip(self.fooled, self.queries, strict=True)
        return 100 * sum(good and asked <= queries for good, asked in pairs) / len(self.fooled)

    def extras(self) -> dict[str, Any]:
        """What a row says beside its value."""
        return {
            "fooled": sum(self.fooled),
            "attacked": len(self.fooled),
            "mean_queries": round(self.mean_queries, 1),
            "mean_queries_failures_full": round(self.mean_full, 1),
            "seconds_per_image": round(self.wall / len(self.fooled), 3),
            "cpu_seconds_per_image": round(self.cpu / len(self.fooled), 3),
            "queries_per_second": round(self.total_queries / self.seconds, 1),
            "queries_per_cpu_second": round(self.total_queries / max(self.attack_cpu, 1e-9), 1),
            "found_by": self.found_by,
            "refused": self.refused,
        }


def need(search: str) -> str:
    """``search`` itself. Raises ``MissingError`` where this version has none of that name."""
    if search not in ("auto", *SEARCHES):
        raise MissingError(f"This version of pixelproof has no search called {search}.")
    return search


def assess(
    model: nn.Module | Callable[..., Any],
    judge: nn.Module,
    pictures: Pictures,
    attack: str,
    threshold: int,
    search: str = "auto",
    budget: int | None = None,
    **options: Any,
) -> Own:
    """Attack ``model`` at one threshold; ``judge`` is the plain network that decides. Raises ``MissingError``."""
    need(search)
    run, clock = timed(model, pictures, attacks=[attack], levels=[threshold], search=search, budget=budget, **options)
    manifest, records, result = run.manifest, run.records(), pp.Result(run)
    images = {record.sample: image for record, image in result.adversarial(attack, threshold)}
    chosen = [record for record in records if record.sample in images]
    good: dict[int, bool] = {}
    if chosen:
        where = [record.sample for record in chosen]
        found = np.stack([images[k] for k in where])
        verdicts = stands(judge, pictures.images[where], found, pictures.labels[where], attack, threshold)
        good = dict(zip(where, verdicts, strict=True))
    run.close()
    return Own(
        fooled=[good.get(record.sample, False) for record in records],
        queries=[record.queries for record in records],
        wall=clock.wall,
        cpu=clock.cpu,
        seconds=manifest.timings["seconds"],
        attack_cpu=clock.attack_cpu,
        total_queries=int(manifest.timings["queries"]),
        found_by=dict(Counter(record.method for record in chosen)),
        batch=int(manifest.settings["batch_size"]),
        budget=int(manifest.settings["searches"][0]["max_queries"]),
        pictures=len(pictures),
        refused=sum(not verdict for verdict in good.values()),
    )


@dataclass(frozen=True)
class Clock:
    """Seconds of a run: on the wall, of the processor, and of the processor for the attack alone."""

    wall: float
    cpu: float
    attack_cpu: float


def timed(
    model: nn.Module | Callable[..., Any],
    pictures: Pictures,
    *,
    budget: int | None = None,
    watch: AbstractContextManager[Any] | None = None,
    **options: Any,
) -> tuple[RunStore, Clock]:
    """What ``pixelproof.assess`` does with ``pictures``, each level alone, and the time it took.

    ``watch`` is entered for the attack alone, without preflight and selection.
    """
    if budget is not None:
        options["max_queries"] = budget
    wall, cpu = time.perf_counter(), time.process_time()
    names = tuple(f"class {k}" for k in range(pictures.classes))
    data = ImageSet(pictures.images, pictures.labels, names, "arrays")
    samples = len(pictures) if len(pictures) > DEFAULT_SAMPLES else None  # None: as many as the model gets right
    spec = make_spec(model="python:network", data="arrays", samples=samples, **{"independent_levels": True, **options})
    classifier = wrap_model(model, device=choose_device(spec.device))
    job = AssessJob(spec, classifier, data)
    run = begin(job, None)
    attack = time.process_time()
    with watch or nullcontext():
        carry_out(run, job)
    end = time.process_time()
    return run, Clock(time.perf_counter() - wall, end - cpu, end - attack)
