"""The protocol, from its spec to everything its page says: each network under perturbations and under PGD."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from pixelproof.data import ImageSet, load_data
from pixelproof.errors import DataError, InputError
from pixelproof.jobs.assess import begin, choose_device, execute, is_finished
from pixelproof.jobs.perturb.job import chosen_positions, conduct
from pixelproof.models import Classifier, load_model
from pixelproof.models.query import Scorer, verifier
from pixelproof.plans.grid.spec import slug
from pixelproof.plans.study.conduct import Progress, quiet
from pixelproof.plans.thesis.spec import SubjectSpec, ThesisSpec
from pixelproof.plans.thesis.view import ThesisView
from pixelproof.report.perturb_page import write_perturbations
from pixelproof.results.intervals import Rate
from pixelproof.results.perturb_view import PerturbView, perturb_view
from pixelproof.results.thesis import Subject
from pixelproof.runs import RunStore
from pixelproof.zoo.registry import absence


def conduct_thesis(
    spec: ThesisSpec,
    out: Path,
    *,
    trust_code: bool = False,
    progress: Progress = quiet,
    say: Callable[[str], None] = lambda _: None,
) -> ThesisView:
    """Do what is left of ``spec`` in the folder ``out``.

    Every subject has a folder with ``perturbations`` and ``pgd`` in it. One without data or weights, or below the gate,
    is left out, and ``say`` is told why. Raises ``InputError`` when none is left.
    """
    subjects, views, absent = [], [], {}
    for each in spec.subjects:
        try:
            reason = absence(each.model, each.name)
            found = None if reason else _measured(spec, each, out / slug(each.name), trust_code, progress)
        except DataError as error:
            reason, found = f"{each.name} is left out: {error}", None
        except _BelowGateError as error:
            reason, found = str(error), None
        if found is None:
            absent[each.name] = reason or ""
            say(absent[each.name])
            continue
        subjects.append(found[0])
        views.append(found[1])
    if not subjects:
        raise InputError("No data set of the protocol can be measured here: see the notes above.")
    return ThesisView(spec.model_dump(mode="json"), tuple(subjects), tuple(views), absent)


class _BelowGateError(Exception):
    """A network that is not good enough to be measured."""


@dataclass(frozen=True, eq=False)
class _Case:
    """A network and its images."""

    classifier: Classifier
    data: ImageSet
    scorer: Scorer

    def right(self) -> np.ndarray:
        """Whether each of the images is classified correctly, N bools."""
        size = self.scorer.batch_size
        starts = range(0, len(self.data), size)
        parts = (torch.from_numpy(self.data.images[k : k + size].copy()).float() for k in starts)
        answers = torch.cat([self.scorer(part.to(self.scorer.device)).argmax(1).cpu() for part in parts])
        right: np.ndarray = answers.numpy() == self.data.labels
        return right


def _measured(
    spec: ThesisSpec, subject: SubjectSpec, folder: Path, trust_code: bool, progress: Progress
) -> tuple[Subject, PerturbView]:
    device = choose_device(spec.device)
    data = load_data(subject.data)
    grey = data.shape[2] == 1
    if subject.rgb and grey:
        data = in_colour(data)
    classifier = load_model(subject.model, trust_code=trust_code, device=device)
    case = _Case(classifier, data, verifier(classifier, device))
    right = case.right()
    test = Rate(int(right.sum()), len(right))
    if 100 * (test.value or 0.0) < spec.gate:
        raise _BelowGateError(
            f"{subject.name} is left out: {subject.model} classifies {test.ratio} of its images correctly, below the "
            f"gate of {spec.gate:g} %; train it further."
        )
    options = spec.perturb(subject)
    view = perturb_view(conduct(options, classifier, data, folder / "perturbations"))
    write_perturbations(view, folder / "perturbations")
    pgd = _pgd(spec, subject, case, data.take(chosen_positions(data.labels, options)), folder / "pgd", progress)
    with pgd as run:
        records = run.records()
        after = Rate(sum(not record.success for record in records), len(view.labels))
        seconds = sum(record.seconds for record in records)
    perturbed = sum(cell.seconds for cell in view.cells) * len(view.labels)
    return (
        Subject(
            name=subject.name,
            grey=grey,
            test=test,
            clean=view.clean,
            standings=tuple(view.standings),
            correlations=view.correlations,
            pgd=after,
            perturb_seconds=perturbed,
            pgd_seconds=seconds,
        ),
        view,
    )


def _pgd(
    spec: ThesisSpec, subject: SubjectSpec, case: _Case, chosen: ImageSet, folder: Path, progress: Progress
) -> RunStore:
    """The finished run of PGD on those of ``chosen`` that are classified correctly."""
    samples = int(_Case(case.classifier, chosen, case.scorer).right().sum())
    options = spec.assess(subject, samples)
    if not is_finished(folder, options, case.classifier, chosen):
        with begin(options, case.classifier, chosen, folder) as run, progress(f"{subject.name}, PGD") as listener:
            execute(run, case.classifier, listener)
    return RunStore.open(folder)


def in_colour(data: ImageSet) -> ImageSet:
    """Grey images as three equal channels."""
    images = np.repeat(data.images, 3, axis=3)
    images.setflags(write=False)
    return ImageSet(images, data.labels, data.class_names, data.name, data.indices)
