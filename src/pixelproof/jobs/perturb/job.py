"""Everything that perturbations do to a model, measured step by step into a journal, so that it can be interrupted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pixelproof.corruptions import SeverityCorruption, SpatialWorstCase
from pixelproof.data import ImageSet
from pixelproof.data.imageset import Int64Array, UInt8Array
from pixelproof.data.order import consideration_order
from pixelproof.errors import InputError
from pixelproof.jobs.assess import choose_device, in_range
from pixelproof.jobs.perturb import JOURNAL
from pixelproof.jobs.perturb.measure import Subject, cell, least_strengths
from pixelproof.jobs.perturb.spec import DEFAULT_SAMPLES, PerturbSpec, Setting
from pixelproof.jobs.preflight import preflight
from pixelproof.models import Classifier
from pixelproof.models.query import Scorer, verifier
from pixelproof.report.picture import data_uri
from pixelproof.results.intervals import Rate
from pixelproof.results.perturbations import Least
from pixelproof.runs.environment import environment
from pixelproof.runs.identity import run_identity
from pixelproof.runs.journal import Journal

#: Stored side of the pictures in strips, in px.
_PICTURE = 96
#: Options that change no result.
_FREE = {"model", "data", "trust_code", "gate"}

Progress = Callable[[float], None]  # told the share done


def conduct(
    spec: PerturbSpec,
    classifier: Classifier,
    data: ImageSet,
    out: Path | None,
    progress: Progress = lambda _: None,
) -> Journal:
    """Do what is left of ``spec`` in the folder ``out`` (None: in memory).

    Raises ``InputError`` for what the user must put right, before anything is written.
    """
    device = choose_device(spec.device)
    settings = spec.settings(data.shape)
    usable = in_range(data, spec.range)
    scorer = verifier(classifier, device)
    found = preflight(classifier, usable, batch_size=scorer.batch_size, device=device)
    chosen = usable.take(chosen_positions(usable.labels, spec))
    subject = _subject(scorer, chosen)
    clean = tuple(subject.answers(subject.images).tolist())
    right = Rate(sum(a == b for a, b in zip(clean, chosen.labels.tolist(), strict=True)), len(chosen))
    _check_gate(spec.gate, right)
    head = {
        **_head(spec, settings, classifier, data),
        "samples": chosen.indices.tolist(),
        "labels": chosen.labels.tolist(),
        "clean": list(clean),
        "shown": _shown(clean, chosen),
        "findings": [asdict(finding) for finding in found.findings],
        "environment": environment(device),
    }
    journal = Journal.begin(None if out is None else out / JOURNAL, head)
    _Conductor(spec, settings, subject, clean, journal, progress).run()
    return journal


def _head(spec: PerturbSpec, settings: list[Setting], classifier: Classifier, data: ImageSet) -> dict[str, Any]:
    """What the measurements are of, with the identity that tells them from others."""
    options = spec.model_dump(mode="json", exclude=_FREE)
    options["settings"] = [(asdict(each.corruption), each.corruption.name, each.strengths) for each in settings]
    tables = [each.corruption.table for each in settings if isinstance(each.corruption, SeverityCorruption)]
    return {
        "identity": run_identity(options, classifier.fingerprint, classifier.kind, data.content_hash),
        "spec": spec.model_dump(mode="json"),
        "model": classifier.name,
        "data": data.name,
        "class_names": list(data.class_names),
        "shape": list(data.shape),
        "table": tables[0] if tables else None,
        "planned": sum(len(each.strengths) for each in settings),
    }


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


@dataclass(frozen=True, eq=False)
class _Conductor:
    """What the steps have in common."""

    spec: PerturbSpec
    settings: list[Setting]
    subject: Subject
    clean: tuple[int, ...]
    journal: Journal
    progress: Progress

    def run(self) -> None:
        steps = list(self._steps())
        for done, step in enumerate(steps, 1):
            step()
            self.progress(done / len(steps))

    def _steps(self) -> Iterator[Callable[[], None]]:
        """What is left to do."""
        cells = {(each["perturbation"], each["strength"]) for each in self.journal.of("cell")}
        walks = {(each["perturbation"], each["towards"]) for each in self.journal.of("least")}
        for each in self.settings:
            for strength in each.strengths:
                if (each.corruption.name, strength) not in cells:
                    yield partial(self._cell, each, strength)
        if self.spec.minimal is not None:
            for each in self.settings:
                for end in each.corruption.ends:
                    if (each.corruption.name, end) not in walks:
                        yield partial(self._least, each, end)
        if self.spec.worst_case is not None and not self.journal.of("worst"):
            yield self._worst_case

    def _cell(self, setting: Setting, strength: float) -> None:
        found = cell(self.subject, setting.corruption, strength, self.spec.seed)
        place = self.journal.head["shown"]["place"]
        changed = setting.corruption(self.subject.images[place : place + 1], strength, self.spec.seed)
        self.journal.add({"cell": {**asdict(found), "picture": _picture(_pixels(changed)[0])}})

    def _least(self, setting: Setting, end: float) -> None:
        labels = self.subject.labels
        rows = [row for row, (said, label) in enumerate(zip(self.clean, labels.tolist(), strict=True)) if said == label]
        places = torch.tensor(rows, device=labels.device, dtype=torch.int64)
        right = Subject(self.subject.scorer, self.subject.images[places], labels[places])
        assert self.spec.minimal is not None
        found = least_strengths(right, setting.corruption, end, self.spec.minimal, self.spec.seed) if rows else []
        samples = tuple(self.journal.head["samples"][row] for row in rows)
        kind = setting.corruption
        walked = Least(kind.name, kind.unit, kind.none, end, self.spec.minimal, samples, tuple(found))
        self.journal.add({"least": asdict(walked)})

    def _worst_case(self) -> None:
        assert self.spec.worst_case is not None
        adversary = SpatialWorstCase(draws=self.spec.worst_case, seed=self.spec.seed)
        found = adversary(self.subject.scores, self.subject.images, self.subject.labels)
        answers = self.subject.answers(found.images)
        self.journal.add(
            {
                "worst": {
                    "candidates": self.spec.worst_case,
                    "answers": answers.tolist(),
                    "queries": found.queries.tolist(),
                }
            }
        )


def _subject(scorer: Scorer, chosen: ImageSet) -> Subject:
    images = torch.from_numpy(chosen.images.copy()).to(scorer.device).permute(0, 3, 1, 2).float() / 255
    return Subject(scorer, images.contiguous(), torch.from_numpy(chosen.labels.copy()).to(scorer.device))


def _check_gate(gate: float | None, right: Rate) -> None:
    if gate is not None and 100 * (right.value or 0.0) < gate:
        raise InputError(
            f"The model classifies {right.ratio} of the clean samples correctly, below the gate of {gate:g} %; "
            "mistakes would say more of the model than of the perturbations, so train it further or lower --gate."
        )


def _shown(clean: tuple[int, ...], chosen: ImageSet) -> dict[str, Any]:
    """The sample that the strips show: the first that is classified correctly, or else the first."""
    right = (k for k, (said, label) in enumerate(zip(clean, chosen.labels.tolist(), strict=True)) if said == label)
    place = next(right, 0)
    return {"place": place, "picture": _picture(chosen.images[place])}


def _pixels(images: torch.Tensor) -> UInt8Array:
    pixels: UInt8Array = images.mul(255).round().to("cpu", torch.uint8).permute(0, 2, 3, 1).numpy()
    return pixels


def _picture(pixels: UInt8Array) -> str:
    return data_uri(pixels, largest=_PICTURE)
