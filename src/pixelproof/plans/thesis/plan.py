"""The protocol, from its spec to everything its page says: each network under perturbations and under PGD."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pixelproof.data import ImageSet, load_data
from pixelproof.data.imageset import in_colour
from pixelproof.errors import DataError, InputError
from pixelproof.files import slug
from pixelproof.jobs.assess import AssessJob
from pixelproof.jobs.job import choose_device
from pixelproof.jobs.perturb.job import PerturbJob, chosen_positions
from pixelproof.jobs.runner import Backend, here
from pixelproof.models import Classifier, load_model
from pixelproof.models.query import Scorer, verifier
from pixelproof.plans.plan import Say, Show, Task, carry_out, quiet
from pixelproof.plans.thesis.spec import SubjectSpec, ThesisSpec
from pixelproof.plans.thesis.view import ThesisView
from pixelproof.results.intervals import Rate
from pixelproof.results.perturb_view import PerturbView, read_perturbations
from pixelproof.results.thesis import DataSetResult
from pixelproof.runs import RunStore
from pixelproof.zoo.registry import absence

PERTURBATIONS, PGD = "perturbations", "pgd"


def run_thesis(
    spec: ThesisSpec,
    out: Path,
    *,
    trust_code: bool = False,
    show: Show = quiet,
    say: Say = lambda _: None,
    backend: Backend = here,
) -> ThesisView:
    """Do what is left of ``spec`` in the folder ``out``.

    Every subject has a folder with ``perturbations`` and ``pgd`` in it. One without data or weights, or below the gate,
    is left out, and ``say`` is told why. Raises ``InputError`` when none is left.
    """
    measured: list[tuple[DataSetResult, PerturbView]] = []
    absent: dict[str, str] = {}
    for each in spec.subjects:
        opened = _opened(spec, each, trust_code)
        if isinstance(opened, str):
            absent[each.name] = opened
            say(opened)
            continue
        folder = out / slug(each.name)
        carry_out(_tasks(spec, opened, folder), out, show, backend)
        measured.append(_result(opened, folder))
    if not measured:
        raise InputError("No data set of the protocol can be measured here: see the notes above.")
    subjects, views = zip(*measured, strict=True)
    return ThesisView(spec.model_dump(mode="json"), subjects, views, absent)


@dataclass(frozen=True, eq=False)
class _Opened:
    """A subject's network and images, and how many of them it classifies correctly."""

    subject: SubjectSpec
    classifier: Classifier
    data: ImageSet
    grey: bool
    scorer: Scorer
    test: Rate


def _opened(spec: ThesisSpec, subject: SubjectSpec, trust_code: bool) -> _Opened | str:
    """``subject`` with its network and data; a sentence where it is to be left out."""
    if reason := absence(subject.model, subject.name):
        return reason
    try:
        data = load_data(subject.data)
    except DataError as error:
        return f"{subject.name} is left out: {error}"
    grey = data.shape[2] == 1
    if subject.rgb and grey:
        data = in_colour(data)
    device = choose_device(spec.device)
    classifier = load_model(subject.model, trust_code=trust_code, device=device)
    scorer = verifier(classifier, device)
    test = _right(scorer, data)
    if 100 * (test.value or 0.0) < spec.gate:
        return (
            f"{subject.name} is left out: {subject.model} classifies {test.ratio} of its images correctly, below the "
            f"gate of {spec.gate:g} %; train it further."
        )
    return _Opened(subject, classifier, data, grey, scorer, test)


def _right(scorer: Scorer, data: ImageSet) -> Rate:
    answers = np.array(scorer.classes_of(list(data.images)))
    return Rate(int((answers == data.labels).sum()), len(data))


def _tasks(spec: ThesisSpec, opened: _Opened, folder: Path) -> Iterator[Task]:
    """Perturbations, then PGD on those of the same samples that are classified correctly."""
    name, options = opened.subject.name, spec.perturb(opened.subject)
    chosen = opened.data.take(chosen_positions(opened.data.labels, options))
    yield Task(
        f"{name}, perturbations", folder / PERTURBATIONS, lambda: PerturbJob(options, opened.classifier, opened.data)
    )
    attack = spec.assess(opened.subject, _right(opened.scorer, chosen).successes)
    yield Task(f"{name}, PGD", folder / PGD, lambda: AssessJob(attack, opened.classifier, chosen))


def _result(opened: _Opened, folder: Path) -> tuple[DataSetResult, PerturbView]:
    view = read_perturbations(folder / PERTURBATIONS)
    with RunStore.open(folder / PGD) as run:
        records = run.records()
    samples = len(view.labels)
    subject = DataSetResult(
        name=opened.subject.name,
        grey=opened.grey,
        test=opened.test,
        clean=view.clean,
        standings=tuple(view.standings),
        correlations=view.correlations,
        pgd=Rate(sum(not record.success for record in records), samples),
        perturb_seconds=sum(cell.seconds for cell in view.cells) * samples,
        pgd_seconds=sum(record.seconds for record in records),
    )
    return subject, view
