"""The steps of a run: stable keys of work that can be done in any order, anywhere, with the same records."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
import torch

from pixelproof.data import ImageSet
from pixelproof.engine import AttackRunner, Engine, Outcome, Sample, steps
from pixelproof.engine.queue import key_of
from pixelproof.engine.settings import Settings
from pixelproof.jobs.assess import AssessJob, _batch, _Tally
from pixelproof.jobs.assess_spec import make_spec, resolve
from pixelproof.jobs.job import Batch, Job
from pixelproof.jobs.runner import begin, carry_out, run_job
from pixelproof.jobs.selection import select
from pixelproof.models import TorchClassifier
from pixelproof.models.query import Scorer
from pixelproof.runs import RunStore
from watched import CPU, Attacked, Watched, labelled_by, small_network

SHAPE = (6, 5, 3)
NETWORK = small_network(SHAPE, 4)
SPEC = make_spec(
    model="m",
    data="d",
    samples=8,
    attacks=["few-pixel", "threshold", "fgsm(epsilon=20)", "pgd(epsilon=9,iterations=3)", "universal(epsilon=20)"],
    levels=[1, 4],
    max_queries=24,
)


def classifier() -> TorchClassifier:
    return TorchClassifier(NETWORK, kind="logits")


def data(count: int = 8) -> ImageSet:
    return labelled_by(NETWORK, SHAPE, count)


def settings() -> Settings:
    """With cohorts of three samples in the levels, and of five in attacks by name."""
    found = resolve(SPEC, SHAPE, "cpu")
    return replace(found, searches=tuple(replace(s, cohort=3) for s in found.searches), batch_size=5)


def outcomes(samples: Sequence[Sample], chosen: Sequence[str] | None) -> list[Outcome]:
    model, engines = classifier(), []
    engines = [Engine(settings(), model, model, CPU), AttackRunner(settings(), model, model, CPU)]
    return [each for engine in engines for done in engine.run(samples, (), chosen) for each in done.outcomes]  # type: ignore[attr-defined]


def images(found: Sequence[Outcome]) -> dict[object, bytes | None]:
    return {key_of(record): None if image is None else image.tobytes() for record, image in found}


def test_steps_are_named_after_attacks_and_the_first_of_a_cohort() -> None:
    found = steps(settings(), [40, 30, 20, 10, 0, 50, 60, 70])
    fgsm, pgd, universal = (each.spec for each in settings().attacks)
    assert list(found) == [
        *(f"{attack}, samples {first}" for attack in ("few-pixel", "threshold") for first in (0, 3, 6)),
        *(f"{spec}, samples {first}" for spec in (fgsm, pgd) for first in (0, 5)),
        f"{universal}, samples 0",
    ]
    assert found["threshold, samples 6"] == [(k, "threshold", th) for k in (60, 70) for th in (1, 4)]
    assert found[f"{pgd}, samples 5"] == [(k, pgd, None) for k in (50, 60, 70)]
    assert len({key for keys in found.values() for key in keys}) == 8 * (2 * 2 + 3)


@pytest.mark.slow
def test_each_step_alone_in_any_order_finds_what_all_find_together() -> None:
    _, samples = select(Scorer(classifier(), 5, CPU), data(), settings())
    together = outcomes(samples, None)
    wanted = steps(settings(), [sample.index for sample in samples])
    order = list(wanted)
    random.Random(0).shuffle(order)
    alone: list[Outcome] = []
    for step in order:
        brought = outcomes(samples, [step])
        assert sorted(map(str, (key_of(record) for record, _ in brought))) == sorted(map(str, wanted[step]))
        alone += brought
    engine = Engine(settings(), classifier(), classifier(), CPU)
    assert Attacked(engine, alone).comparable() == Attacked(engine, together).comparable()
    assert images(alone) == images(together)
    assert {record.success for record, _ in alone} == {True, False}


def one_by_one(job: Job, run: RunStore, left: Sequence[str]) -> Iterator[Batch]:
    """The last step first, each by a job that knows of no other."""
    for step in reversed(left):
        other = AssessJob(SPEC, classifier(), data())
        other.take_up(run)
        yield from other.work(run, [step])


@pytest.mark.slow
def test_a_job_is_done_step_by_step_as_well_as_at_once(tmp_path: Path) -> None:
    whole = run_job(AssessJob(SPEC, classifier(), data()), None)
    job = AssessJob(SPEC, classifier(), data())
    run = begin(job, tmp_path / "run")
    every = job.left(run)
    assert every == list(steps(job.settings, run.manifest.selection.samples))
    carry_out(run, job, backend=one_by_one)
    assert job.left(run) == []
    assert [replace(r, seconds=0.0) for r in run.records()] == [replace(r, seconds=0.0) for r in whole.records()]
    for record in run.records():
        one, other = run.image(record), whole.image(record)
        assert one is other is None or (one is not None and other is not None and np.array_equal(one, other))


@pytest.mark.slow
def test_a_step_is_left_until_its_last_record_is_there() -> None:
    job = AssessJob(SPEC, classifier(), data())
    whole = run_job(AssessJob(SPEC, classifier(), data()), None)
    run = begin(job, None)
    every, records = job.left(run), whole.records()
    (last,) = [r for r in records if r.attack == "pgd" and r.sample == 7]
    run.commit((record, whole.image(record)) for record in records if record != last)
    spec = last.spec
    assert job.left(run) == [step for step in every if step.startswith(spec)]
    brought = [outcome for batch in job.work(run, job.left(run)) for outcome in batch.outcomes]
    assert [replace(record, seconds=0.0) for record, _ in brought] == [replace(last, seconds=0.0)]  # type: ignore[type-var]


def lines_of_a_round(count: int) -> int:
    """How many lines of Python the rounds of full batches take, in the engine and in the job, with ``count`` samples.

    Every way round a loop is a line, also in a comprehension.
    """

    def firm(pixels: torch.Tensor) -> torch.Tensor:
        return torch.tensor([1.0, 0.0]).expand(len(pixels), 2)

    lines = 0

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal lines
        lines += event == "line"
        return trace

    images = labelled_by(firm, (4, 4, 1), count)
    spec = make_spec(model="m", data="d", samples=count, attacks=["few-pixel"], search="sparse-random", levels=[1, 3])
    chosen = replace(resolve(spec, images.shape, "cpu"), batch_size=8)
    _, samples = select(Scorer(Watched(firm), 8, CPU), images, chosen)
    rounds = Engine(chosen, Watched(firm), Watched(firm), CPU).run(samples)
    tally = _Tally(samples, [], 2)
    for _ in range(3):
        next(rounds)
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        for _ in range(5):
            tally.note(_batch(next(rounds)))
    finally:
        sys.settrace(before)
    return lines


def test_what_a_round_costs_does_not_grow_with_the_samples() -> None:
    assert lines_of_a_round(2000) <= 1.1 * lines_of_a_round(200)
