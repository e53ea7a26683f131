"""Stored adversarial images of finished runs, shown to another network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pixelproof.data.imageset import UInt8Array
from pixelproof.errors import InputError
from pixelproof.results.minimal import distance
from pixelproof.results.study import NORMS, Answer
from pixelproof.runs import Record, RunStore

#: Scores or probabilities N×K of N uint8 images H×W×C.
Predict = Callable[[Sequence[UInt8Array]], npt.NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class Stored:
    """An adversarial image of ``sample``, the one nearest to the clean image by its norm."""

    sample: int
    attack: str
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


@dataclass(frozen=True)
class Shown:
    """What a target answered: which clean images it gets right, and by source and attack to their images."""

    right: Mapping[int, bool]
    answers: Mapping[tuple[str, str], tuple[Answer, ...]]


def source_of(run: RunStore, label: str) -> Source:
    """The images of ``run``: for each sample and attack the one of smallest distance, by sample."""
    manifest = run.manifest
    chosen, carried_out = manifest.selection, {search["attack"] for search in manifest.settings["searches"]}
    nearest: dict[tuple[str, int], Record] = {}
    for record in run.records():
        key = record.attack, record.sample
        if record.success and (key not in nearest or distance(record) < distance(nearest[key])):
            nearest[key] = record
    stored = [
        Stored(sample, attack, distance(nearest[attack, sample]), image)
        for attack in NORMS
        for sample in chosen.samples
        if (attack, sample) in nearest and (image := run.adversarial(nearest[attack, sample])) is not None
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


def show(sources: Sequence[Source], predict: Predict, known: Iterable[int] = ()) -> Shown:
    """Ask a target, through ``predict``, about every image of ``sources``, all in one go.

    ``known`` names samples whose clean image needs no asking.
    """
    labels = {sample: label for source in sources for sample, label in source.labels.items()}
    clean = {sample: image for source in sources for sample, image in source.clean.items()}
    asked = sorted(clean.keys() - set(known))
    stored = [(source, each) for source in sources for each in source.stored]
    images = [*(clean[sample] for sample in asked), *(each.image for _, each in stored)]
    predicted = predict(images).argmax(1).tolist() if images else []
    right = {sample: said == labels[sample] for sample, said in zip(asked, predicted, strict=False)}
    answers: dict[tuple[str, str], list[Answer]] = {(s.label, attack): [] for s in sources for attack in s.attacks}
    for (source, each), said in zip(stored, predicted[len(asked) :], strict=True):
        answer = Answer(each.sample, each.distance, said != source.labels[each.sample])
        answers[source.label, each.attack].append(answer)
    return Shown(right, {key: tuple(found) for key, found in answers.items()})


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
