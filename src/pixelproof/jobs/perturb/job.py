"""Common perturbations: what each does to the model's answers at each strength, step by step."""

from collections.abc import Callable, Iterator, MutableSequence
from dataclasses import asdict
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch

from pixelproof.corruptions.corruption import Corruption
from pixelproof.corruptions.severity import SeverityCorruption
from pixelproof.corruptions.worst_case import SpatialWorstCase
from pixelproof.data import ImageSet
from pixelproof.data.imageset import Int64Array
from pixelproof.data.order import consideration_order
from pixelproof.errors import InputError
from pixelproof.jobs.cost import Cost
from pixelproof.jobs.job import Batch, Begun, Job, Known, Outcome, prepared
from pixelproof.jobs.perturb.measure import AskedImages, cell, least_strengths
from pixelproof.jobs.perturb.spec import DEFAULT_SAMPLES, PerturbSpec
from pixelproof.jobs.preflight import limit_for, preflight
from pixelproof.models import Classifier
from pixelproof.models.query import Scorer, verifier
from pixelproof.results.intervals import Rate
from pixelproof.results.perturbations import Least, PerturbationRecord, WorstCase
from pixelproof.runs import RunStore, Selection
from pixelproof.units import to_pixels, to_unit

#: Options that change no result, or whose place the resolved ones take.
_FREE = {"model", "data", "trust_code", "gate", "device", "range", "corruption"}


class PerturbJob(Job):
    """What ``spec`` asks about ``classifier``, which stands behind its defence, on ``data``."""

    kind = "perturb"
    records = (PerturbationRecord, Least, WorstCase)
    stays = frozenset({"data", "_scorer", "_subject", "_steps"})
    invalid_as = "mistakes"

    spec: PerturbSpec

    def __init__(self, spec: PerturbSpec, classifier: Classifier, data: ImageSet) -> None:
        self.data = prepared(data, spec)
        super().__init__(f"{classifier.name}, perturbations", spec, classifier, self.data, spec.device)
        self.settings = spec.settings(data.shape)

    @cached_property
    def _scorer(self) -> Scorer:
        return verifier(self.classifier, self.device, self.asked)

    @cached_property
    def resolved(self) -> dict[str, Any]:
        settings = [(asdict(each.corruption), each.corruption.name, each.strengths) for each in self.settings]
        options = self.spec.model_dump(mode="json", exclude=_FREE)
        return {**options, "settings": settings, "device": self.device.type}

    def used(self) -> Iterator[object]:
        yield from super().used()
        yield from (each.corruption for each in self.settings)

    # Before anything is measured.

    def begin(self) -> Begun:
        """Look at the model and choose the samples. Raises ``InputError`` for what the user must put right."""
        model, data = self.classifier, self.data
        chosen = self._chosen
        found = preflight(
            model,
            data,
            batch_size=self._scorer.batch_size,
            device=self.device,
            limit=limit_for(len(self._steps) * len(chosen)),
            asked=self.asked,
        )
        clean = self._clean
        right = Rate(sum(a == b for a, b in zip(clean, chosen.labels.tolist(), strict=True)), len(chosen))
        _check_gate(self.spec.gate, right)
        shown = self._shown
        selection = Selection(self._rule, len(data), tuple(chosen.indices.tolist()), tuple(chosen.labels.tolist()))
        manifest = self.manifest(
            found,
            selection,
            steps=list(self._steps),
            clean=list(clean),
            shown=shown,
            table=self._table,
            planned=sum(len(each.strengths) for each in self.settings),
        )
        return Begun(manifest, {int(chosen.indices[shown]): chosen.images[shown]})

    @property
    def _rule(self) -> str:
        order = "in file order" if self.spec.shuffle is None else f"in the order shuffled by seed {self.spec.shuffle}"
        if self.spec.per_class is not None:
            return f"the first {self.spec.per_class} images of every class {order}"
        return f"the first {len(self._chosen)} images {order}"

    @property
    def _table(self) -> str | None:
        tables = [each.corruption.table for each in self.settings if isinstance(each.corruption, SeverityCorruption)]
        return tables[0] if tables else None

    @cached_property
    def _chosen(self) -> ImageSet:
        return self.data.take(chosen_positions(self.data.labels, self.spec))

    @cached_property
    def _subject(self) -> AskedImages:
        chosen = self._chosen
        images = to_unit(torch.from_numpy(np.array(chosen.images)).to(self.device))
        return AskedImages(self._scorer, images.contiguous(), torch.from_numpy(chosen.labels.copy()).to(self.device))

    @cached_property
    def _clean(self) -> tuple[int, ...]:
        """The answers to the samples as they are."""
        return tuple(self._subject.answers(self._subject.images).tolist())

    @cached_property
    def _right(self) -> list[int]:
        """The places of the samples that are classified correctly."""
        answers = zip(self._clean, self._chosen.labels.tolist(), strict=True)
        return [place for place, (said, label) in enumerate(answers) if said == label]

    @property
    def _shown(self) -> int:
        """The place of the sample whose pictures are kept: the first classified correctly, or else the first."""
        return self._right[0] if self._right else 0

    # The work.

    @cached_property
    def _steps(self) -> dict[str, Callable[[], Outcome]]:
        """Every perturbation at every strength, then the walks, then the worst case."""
        steps: dict[str, Callable[[], Outcome]] = {}
        for each in self.settings:
            for strength in each.strengths:
                steps[f"{each.corruption.name} {strength:g}"] = partial(self._cell, each.corruption, strength)
        if (minimal := self.spec.minimal) is not None:
            for kind in (each.corruption for each in self.settings):
                for end in kind.ends:
                    steps[f"{kind.name} towards {end:g}"] = partial(self._least, kind, end, minimal)
        if (candidates := self.spec.worst_case) is not None:
            steps["worst case"] = partial(self._worst_case, candidates)
        return steps

    def cost(self, run: RunStore) -> Cost:
        """Every sample as it is, and what each step left asks at most."""
        chosen, right = len(self._chosen), len(run.manifest.selection.samples)
        most = {"towards": right * (self.spec.minimal or 0), "worst": chosen * (2 + (self.spec.worst_case or 0))}
        left = [most.get(step.split()[-2], chosen) for step in self.left(run)]
        return Cost(chosen + sum(left) if left else 0, self._scorer.batch_size)

    def work(self, run: Known, steps: MutableSequence[str]) -> Iterator[Batch]:
        while steps:
            step = steps[0]
            del steps[0]
            yield Batch([self._steps[step]()], step)

    @property
    def invalid(self) -> int:
        return self._scorer.invalid

    def _cell(self, corruption: Corruption, strength: float) -> Outcome:
        sample = int(self._chosen.indices[self._shown])
        found = cell(self._subject, corruption, strength, self.spec.seed, sample)
        changed = corruption(self._subject.images[self._shown : self._shown + 1], strength, self.spec.seed)
        return found, to_pixels(changed)[0]

    def _least(self, corruption: Corruption, end: float, steps: int) -> Outcome:
        subject, rows = self._subject, self._right
        places = torch.tensor(rows, device=subject.labels.device, dtype=torch.int64)
        right = AskedImages(subject.scorer, subject.images[places], subject.labels[places])
        found = least_strengths(right, corruption, end, steps, self.spec.seed)
        samples = tuple(int(self._chosen.indices[row]) for row in rows)
        return Least(corruption.name, corruption.unit, corruption.none, end, steps, samples, tuple(found)), None

    def _worst_case(self, candidates: int) -> Outcome:
        subject = self._subject
        adversary = SpatialWorstCase(draws=candidates, seed=self.spec.seed)
        found = adversary(subject.scores, subject.images, subject.labels)
        answers = subject.answers(found.images)
        return WorstCase(candidates, tuple(answers.tolist()), tuple(found.queries.tolist())), None


def chosen_positions(labels: Int64Array, spec: PerturbSpec) -> Int64Array:
    """The positions that ``spec`` takes, in file order or shuffled: the first ones, or the first of every class."""
    order = consideration_order(labels, spec.shuffle, "none")
    if spec.per_class is None:
        if spec.samples is not None and spec.samples > len(order):
            raise InputError(f"{spec.samples} samples are asked for, but there are {len(order)}; lower --samples.")
        return order[: spec.samples or DEFAULT_SAMPLES]
    of_class = [order[labels[order] == label][: spec.per_class] for label in np.unique(labels)]
    few = min(map(len, of_class))
    if few < spec.per_class:
        raise InputError(
            f"{spec.per_class} images of every class are asked for, but a class has {few}; lower --per-class."
        )
    return np.concatenate(of_class)


def _check_gate(gate: float | None, right: Rate) -> None:
    if gate is not None and 100 * (right.value or 0.0) < gate:
        raise InputError(
            f"The model classifies {right.ratio} of the clean samples correctly, below the gate of {gate:g} %; "
            "mistakes would say more of the model than of the perturbations, so train it further or lower --gate."
        )
