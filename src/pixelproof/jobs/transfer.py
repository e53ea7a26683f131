"""Stored adversarial images of finished runs, shown to another network: a lower bound on what a search would fool."""

from collections.abc import Iterable, Iterator, Mapping, MutableSequence, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pixelproof.attacks.goal import Goal
from pixelproof.data import ImageSet
from pixelproof.data.imageset import UInt8Array
from pixelproof.engine.judge import Bound, Judge
from pixelproof.engine.queue import taken
from pixelproof.errors import InputError
from pixelproof.jobs.assess_spec import DeviceChoice
from pixelproof.jobs.job import Batch, Begun, Job, Known, Outcome
from pixelproof.jobs.preflight import preflight
from pixelproof.jobs.spec_file import Options
from pixelproof.models import Classifier
from pixelproof.models.query import classes
from pixelproof.results.minimal import distance
from pixelproof.results.study import NORMS, Assessed
from pixelproof.results.study.transfer import CleanRecord, TransferRecord
from pixelproof.runs import DataCard, Record, RunStore, Selection
from pixelproof.runs.record import LEVELLED, Constraint


@dataclass(frozen=True, eq=False)
class Stored:
    """An adversarial image of ``sample``, the one nearest to the clean image by its norm."""

    sample: int
    attack: Constraint
    distance: int
    image: UInt8Array


@dataclass(frozen=True, eq=False)
class Source:
    """What a run has to show to others: its clean images and labels by sample, and its adversarial images."""

    label: str
    identity: str
    data_sha256: str
    attacks: tuple[str, ...]  # those carried out, whatever they found
    clean: Mapping[int, UInt8Array]
    labels: Mapping[int, int]
    stored: tuple[Stored, ...]


class TransferSpec(Options):
    """Everything ``pixelproof transfer`` can be told; field names are those of its options."""

    model: str
    defence: str | None = None
    sources: tuple[str, ...] = ()  # folders of runs
    device: DeviceChoice = "auto"
    trust_code: bool = False


class TransferJob(Job):
    """What ``classifier`` answers to the stored images of ``sources``, all over the same data; no search is made.

    ``data`` describes their data. ``looked_at``: the model has been through a preflight of another run on these data.
    """

    kind = "transfer"
    records = (TransferRecord, CleanRecord)
    stays = frozenset({"_judge"})

    def __init__(
        self,
        spec: TransferSpec,
        classifier: Classifier,
        sources: Sequence[Source],
        data: DataCard,
        *,
        looked_at: bool = False,
    ) -> None:
        super().__init__(f"{classifier.name}, transfer", spec, classifier, data, spec.device)
        self.sources = list(sources)
        self._looked_at = looked_at
        self._labels = {sample: label for source in sources for sample, label in source.labels.items()}
        self._clean = {sample: image for source in sources for sample, image in source.clean.items()}

    @cached_property
    def _judge(self) -> Judge:
        return Judge.of(self.classifier, self.device, self.asked)

    @property
    def resolved(self) -> dict[str, Any]:
        return {"device": self.device.type, "sources": [source.identity for source in self.sources]}

    def begin(self) -> Begun:
        """Look at the model with the clean images. Raises ``InputError`` for what the user must put right."""
        model, samples = self.classifier, sorted(self._clean)
        looked = None
        if not self._looked_at:
            rows = self._judge.scorer.batch_size
            looked = preflight(model, self._clean_set(samples), batch_size=rows, device=self.device, asked=self.asked)
        labels = tuple(self._labels[sample] for sample in samples)
        manifest = self.manifest(
            looked,
            Selection("the samples of the runs shown", len(samples), tuple(samples), labels),
            steps=[source.label for source in self.sources],
            attacks={source.label: list(source.attacks) for source in self.sources},
        )
        return Begun(manifest, self._clean)

    def _clean_set(self, samples: Sequence[int]) -> ImageSet:
        return ImageSet(
            np.stack([self._clean[sample] for sample in samples]),
            np.array([self._labels[sample] for sample in samples]),
            self.card.class_names,
            self.card.name,
            np.array(samples),
        )

    def work(self, run: Known, steps: MutableSequence[str]) -> Iterator[Batch]:
        """A source a step: its clean images that no source before it has, then its adversarial ones."""
        before = set[int]()
        for source in self.sources:
            asked = sorted(source.clean.keys() - before)
            before |= source.clean.keys()
            if taken(steps, {source.label}):
                yield Batch(self._shown(source, asked), source.label, queries=len(asked) + len(source.stored))

    @property
    def invalid(self) -> int:
        return self._judge.scorer.invalid

    def _shown(self, source: Source, asked: Sequence[int]) -> list[Outcome]:
        """The answers to the clean images ``asked`` about and to what ``source`` stored, all in one call."""
        if not asked and not source.stored:
            return []
        origins = [self._clean[sample] for sample in (*asked, *(each.sample for each in source.stored))]
        images = [*origins[: len(asked)], *(each.image for each in source.stored)]
        bounds = [Bound()] * len(asked) + [Bound(each.attack, each.distance) for each in source.stored]
        labels = [*(self._labels[sample] for sample in asked), *(source.labels[each.sample] for each in source.stored)]
        goal = Goal(torch.tensor(labels, device=self.device))
        verdict = self._judge.stored(images, origins, goal, bounds)
        right, fooled = (classes(verdict.scores) == goal.labels).tolist(), verdict.success.tolist()
        clean: list[Outcome] = [(CleanRecord(sample, yes), None) for sample, yes in zip(asked, right, strict=False)]
        found: list[Outcome] = [
            (TransferRecord(source.label, each.attack, each.sample, each.distance, yes), None)
            for each, yes in zip(source.stored, fooled[len(asked) :], strict=True)
        ]
        return clean + found


def sources_in(folders: Sequence[Path], target: str) -> tuple[list[Source], DataCard]:
    """The images of the finished runs in ``folders``, and their data.

    A run of the ``target`` itself gets a label of its own, so that its images count as well. Raises ``InputError`` when
    no run holds an image that fools, or when they are over different data.
    """
    with ExitStack() as stack:
        runs = [stack.enter_context(RunStore.open(folder)) for folder in folders]
        for run in runs:
            if run.manifest.job != "assess":
                raise InputError(
                    f"{run.folder} is of the job {run.manifest.job}; expected an assessment, which holds images of "
                    "attacks."
                )
        sources = merged(_source(run) for run in runs)
        data = runs[0].manifest.data
    if not any(source.stored for source in sources):
        raise InputError(f"{', '.join(map(str, folders))}: no run found an adversarial image; take one that did.")
    return [replace(each, label=f"{each.label} (its own)") if each.label == target else each for each in sources], data


def _source(run: RunStore) -> Source:
    """As ``source_of``, of a run that may be a stranger's."""
    with run.reading():
        return source_of(run, Assessed.of(run.manifest, ()).label)


def source_of(run: RunStore, label: str) -> Source:
    """The images of ``run``: for each sample and attack the one of smallest distance, by sample."""
    manifest = run.manifest
    chosen, carried_out = manifest.selection, {each["constraint"] for each in manifest.settings["searches"]}
    nearest: dict[tuple[str, int], Record] = {}
    for record in run.records():
        key = record.attack, record.sample
        if record.success and (key not in nearest or distance(record) < distance(nearest[key])):
            nearest[key] = record
    stored = [
        Stored(sample, attack, distance(nearest[attack, sample]), image)
        for attack in LEVELLED
        for sample in chosen.samples
        if (attack, sample) in nearest and (image := run.image(nearest[attack, sample])) is not None
    ]
    return Source(
        label,
        manifest.identity,
        manifest.data.sha256,
        tuple(attack for attack in NORMS if attack in carried_out),
        {sample: run.clean(sample) for sample in chosen.samples},
        dict(zip(chosen.samples, chosen.labels, strict=True)),
        tuple(stored),
    )


def merged(sources: Iterable[Source]) -> list[Source]:
    """``sources`` with one for each label: of two images for the same sample and attack, the nearer one.

    Raises ``InputError`` when they come from different data, since samples are then not the same images.
    """
    found: dict[str, Source] = {}
    first: Source | None = None
    for source in sources:
        first = first or source
        if source.data_sha256 != first.data_sha256:
            raise InputError(
                f"{first.label} and {source.label} differ in data: {first.data_sha256[:12]} against "
                f"{source.data_sha256[:12]}; take images from runs over the same data."
            )
        before = found.get(source.label)
        found[source.label] = source if before is None else _joined(before, source)
    return list(found.values())


def _joined(one: Source, other: Source) -> Source:
    nearest = {(each.attack, each.sample): each for each in one.stored}
    for each in other.stored:
        key = each.attack, each.sample
        if key not in nearest or each.distance < nearest[key].distance:
            nearest[key] = each
    ordered = sorted(nearest.values(), key=lambda each: NORMS.index(each.attack))
    clean, labels = {**one.clean, **other.clean}, {**one.labels, **other.labels}
    attacks = tuple(attack for attack in NORMS if attack in one.attacks + other.attacks)
    identity = f"{one.identity}+{other.identity}"
    return Source(one.label, identity, one.data_sha256, attacks, clean, labels, tuple(ordered))
