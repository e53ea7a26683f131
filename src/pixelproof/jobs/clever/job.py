"""CLEVER scores of the first correctly classified samples of a data set, or of those of another run."""

from collections.abc import Iterator, Mapping, MutableSequence, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import inf
from typing import Any

import numpy as np
import torch
from pydantic import Field

from pixelproof.attacks.norm_ball import Norm
from pixelproof.data import ImageSet
from pixelproof.engine import Sample
from pixelproof.errors import RunError
from pixelproof.jobs.assess_spec import AssessSpec, DeviceChoice, from_options, resolve
from pixelproof.jobs.clever.score import CleverScore, check_numbers, clever_by_parts, default_radius
from pixelproof.jobs.cost import Cost
from pixelproof.jobs.job import Batch, Begun, Job, Known
from pixelproof.jobs.preflight import preflight
from pixelproof.jobs.selection import select
from pixelproof.jobs.spec_file import Options
from pixelproof.models import Classifier
from pixelproof.models.query import Scorer
from pixelproof.results.clever import CleverRecord
from pixelproof.results.distances import smallest_distances
from pixelproof.results.rank_correlation import FEWEST
from pixelproof.runs import RunStore, Selection
from pixelproof.units import to_unit

#: Samples looked at where no number is given: each takes thousands of gradients.
SAMPLES = 10
#: Samples that are scored by the same calls; last bits may depend on it.
COHORT = 64
_CHECKED = 256  # images of the preflight


class CleverSpec(Options):
    """Everything ``pixelproof clever`` can be told; field names are those of its options."""

    model: str
    defence: str | None = None
    data: str
    samples: int | None = Field(default=None, ge=1)  # None: 10, or as many as there are
    norm: str = "l2"
    radius: float | None = None  # in grey levels of the norm; None: see ``RADII``
    batches: int = 50
    batch_samples: int = 100
    target: str = "none"
    run: str | None = None  # the folder of a run whose samples are looked at
    seed: int = Field(default=0, ge=0, lt=2**63)
    device: DeviceChoice = "auto"
    trust_code: bool = False


@dataclass(frozen=True)
class Attacked:
    """What another run says of its samples: who they are, and the smallest distance that its attacks found of each."""

    identity: str
    samples: tuple[int, ...]
    distances: Mapping[int, float]


class CleverJob(Job):
    """What ``spec`` asks about ``classifier`` on ``data``; with ``run``, an open one, about its samples."""

    kind = "clever"
    records = (CleverRecord,)
    stays = frozenset({"data", "_usable"})
    spec: CleverSpec

    def __init__(self, spec: CleverSpec, classifier: Classifier, data: ImageSet, run: RunStore | None = None) -> None:
        super().__init__(f"CLEVER of {classifier.name}", spec, classifier, data, spec.device)
        self.data = data
        self.norm: Norm = spec.norm  # type: ignore[assignment]  # checked in the next line
        self.radius = default_radius(self.norm) if spec.radius is None else spec.radius
        check_numbers(self.norm, self.radius, spec.batches, spec.batch_samples)
        shared = spec.model_dump(include={"model", "data", "samples", "target", "seed", "device"})
        self.settings = resolve(from_options(AssessSpec, shared), data.shape, self.device.type)
        self._usable = data if run is None else _of_run(run, spec, classifier, data)
        self._attacked = None if run is None else _attacked(run, self.norm)

    @cached_property
    def resolved(self) -> dict[str, Any]:
        shared = self.spec.model_dump(include={"samples", "norm", "batches", "batch_samples", "target", "seed"})
        run = None if self._attacked is None else self._attacked.identity
        batch = {"batch_size": self.settings.batch_size, "cohort": COHORT}
        return {**shared, **batch, "radius": self.radius, "run": run, "device": self.device.type}

    def begin(self) -> Begun:
        """Look at the model and choose the samples. Raises ``InputError`` for what the user must put right."""
        model, data, size = self.classifier, self.data, self.settings.batch_size
        found = preflight(model, data, batch_size=size, device=self.device, limit=_CHECKED, asked=self.asked)
        manifest = self.manifest(found, self._chosen[0], steps=self._steps)
        return Begun(manifest, {sample.index: sample.pixels for sample in self._samples})

    @cached_property
    def _chosen(self) -> tuple[Selection, list[Sample]]:
        settings = replace(self.settings, samples=self.spec.samples or min(SAMPLES, len(self._usable)))
        return select(
            Scorer(self.classifier, settings.batch_size, self.device, self.asked, "selection"), self._usable, settings
        )

    @property
    def _samples(self) -> list[Sample]:
        return self._chosen[1]

    @property
    def _steps(self) -> list[str]:
        return [f"samples {start}" for start in range(0, len(self._samples), COHORT)]

    def total(self, run: RunStore) -> tuple[float, float]:
        return len(run.of(CleverRecord)), len(run.manifest.selection.samples)

    def cost(self, run: RunStore) -> Cost:
        """Every sample once, and at all its points, each of which has backward passes too."""
        cohorts = [self._samples[int(step.removeprefix("samples ")) :][:COHORT] for step in self.left(run)]
        points = 1 + self.spec.batches * self.spec.batch_samples
        return Cost(points * sum(map(len, cohorts)), self.settings.batch_size)

    def work(self, run: Known, steps: MutableSequence[str]) -> Iterator[Batch]:
        """A cohort a step; how far it goes is told after every batch of points."""
        while steps:
            step = steps[0]
            del steps[0]
            start = int(step.removeprefix("samples "))
            cohort, told = self._samples[start : start + COHORT], 0.0
            scoring = self._scoring(cohort)
            while True:
                try:
                    share = next(scoring)
                except StopIteration as end:
                    yield Batch(self._outcomes(cohort, end.value), step, done=len(cohort) * (1 - told))
                    break
                yield Batch(done=len(cohort) * (share - told))
                told = share

    def _scoring(self, cohort: Sequence[Sample]) -> Iterator[float]:
        pixels = np.stack([sample.pixels for sample in cohort])
        aimed = [sample.target for sample in cohort if sample.target is not None]
        return clever_by_parts(
            self.classifier,
            to_unit(torch.from_numpy(pixels).to(self.device)),
            torch.tensor([sample.label for sample in cohort], device=self.device),
            norm=self.norm,
            radius=self.radius,
            batches=self.spec.batches,
            samples=self.spec.batch_samples,
            targets=torch.tensor(aimed, device=self.device) if aimed else None,
            seed=self.spec.seed,
            batch_size=self.settings.batch_size,
        )

    def _outcomes(self, cohort: Sequence[Sample], scores: Sequence[CleverScore]) -> list[tuple[CleverRecord, None]]:
        self.asked["queries"] += sum(each.queries for each in scores)
        self.asked["gradient_steps"] += sum(each.gradient_steps for each in scores)
        far = None if self._attacked is None else self._attacked.distances
        return [
            (_record(sample.index, score, None if far is None else far.get(sample.index, inf)), None)
            for sample, score in zip(cohort, scores, strict=True)
        ]


def _record(sample: int, score: CleverScore, distance: float | None) -> CleverRecord:
    return CleverRecord(
        sample=sample,
        label=score.label,
        score=score.score,
        nearest=score.nearest,
        scores=tuple(score.scores.items()),
        lipschitz=tuple(score.lipschitz.items()),
        curve=score.curve,
        queries=score.queries,
        gradient_steps=score.gradient_steps,
        reason=None if score.finding is None else score.finding.name,
        message=None if score.finding is None else score.finding.message,
        distance=distance,
    )


def _attacked(run: RunStore, norm: Norm) -> Attacked:
    manifest = run.manifest
    return Attacked(manifest.identity, manifest.selection.samples, smallest_distances(run.records(), norm))


def _of_run(run: RunStore, spec: CleverSpec, classifier: Classifier, data: ImageSet) -> ImageSet:
    """The samples of ``run``, in its order, out of ``data``."""
    manifest = run.manifest
    if manifest.job != "assess":
        raise RunError(f"{run.folder} is of the job {manifest.job}; expected an assessment, whose samples are scored.")
    if manifest.status != "finished":
        raise RunError(f"{run.folder} is not finished; pixelproof resume it first.")
    if manifest.model.fingerprint != classifier.fingerprint:
        raise RunError(f"{run.folder} is of another model (or defence): {manifest.model.name}; give that one.")
    if manifest.settings["target"] != spec.target:
        raise RunError(f"{run.folder} has --target {manifest.settings['target']}; give the same.")
    where = {int(index): position for position, index in enumerate(data.indices)}
    positions = [where[sample] for sample in manifest.selection.samples if sample in where]
    if len(positions) < FEWEST or (spec.samples or FEWEST) < FEWEST:
        raise RunError(f"A correlation needs {FEWEST} samples of {run.folder} at least; raise --samples.")
    if any(not np.array_equal(run.clean(int(data.indices[k])), data.images[k]) for k in positions):
        raise RunError(f"{run.folder} is over other data: {manifest.data.name}; give that as --data.")
    return data.take(positions)
