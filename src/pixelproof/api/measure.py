"""``assess``, ``certify``, ``perturb``, ``audit``, ``clever`` and ``compare`` from Python, and ``load_run``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch

from pixelproof.api.result import Result
from pixelproof.api.words import (
    device_name,
    folder,
    limits,
    one_or_more,
    path_of,
    python_words,
    several,
    several_attacks,
)
from pixelproof.data.given import as_image_set
from pixelproof.data.imageset import ImageSet
from pixelproof.errors import InputError, ModelError
from pixelproof.models import Classifier, ScoreKind, wrap_model
from pixelproof.runs import RunStore
from pixelproof.wording import shown

# Jobs read scipy and reports draw with Altair: two seconds that importing pixelproof need not wait for.
if TYPE_CHECKING:
    from pixelproof.api.views import Audit, Clever, Comparison, Perturbations
    from pixelproof.engine.settings import Knowledge
    from pixelproof.jobs.assess import AssessJob
    from pixelproof.jobs.job import Job
    from pixelproof.results.audit.claim import Claim
    from pixelproof.runs.progress import Listener


@python_words
def assess(
    model: object,
    images: object,
    labels: object = None,
    *,
    class_names: Sequence[str] | None = None,
    attacks: str | Sequence[str] = ("few-pixel", "threshold"),
    levels: int | Sequence[int] = (1, 3, 5, 10),
    knowledge: Knowledge | Sequence[Knowledge] = ("scores",),
    surrogate: object = (),
    samples: int | Literal["all"] | None = None,
    preset: Literal["quick", "standard", "paper"] = "quick",
    search: str = "auto",
    max_queries: int | None = None,
    give_up: bool = False,
    minimal: int | None = None,
    independent_levels: bool = False,
    target: str | int = "none",
    fitness: Literal["margin", "confidence"] = "margin",
    certify: Literal["auto", "sweep", "bounds", "masks", "none"] | None = None,
    certify_seconds: float = 60,
    failure_probability: bool = False,
    defence: str | None = None,
    access: Literal["end-to-end", "adaptive", "replayed"] = "end-to-end",
    corruption: str | None = None,
    range: range | slice | Sequence[int] | None = None,
    shuffle: int | None = None,
    seed: int = 0,
    precision: Literal["float32", "bfloat16"] = "float32",
    device: str | torch.device = "auto",
    batch_size: int | None = None,
    kind: ScoreKind | None = None,
    name: str | None = None,
    out: str | Path | None = None,
    workers: int | None = None,
    backend: Literal["processes", "ray"] | None = None,
    address: str | None = None,
    progress: bool = False,
    listener: Listener | None = None,
) -> Result:
    """Assess ``model`` against few-pixel and threshold attacks; quiet, and without files unless ``out`` is given.

    ``model``: a torch module, a ``Classifier`` (``pp.load_model``), a model of MAITE's, or any callable from float32
    N×C×H×W in [0, 1] to scores N×K, class numbers N, or one logit or probability an image; normalisation is inside
    (``pp.Normalize``); ``kind`` says what the scores are where that cannot be seen. ``images`` and ``labels``: whatever
    ``pp.as_image_set`` takes, arrays and lists of pictures with their labels, or a dataset or loader that holds both.
    ``range``: the part of them that is considered.
    ``attacks``: ``few-pixel`` (L0), ``threshold`` (L∞), and others by name, as ``pgd(epsilon=8)``. ``levels``: how many
    pixels, or grey levels, may change. ``knowledge``: what the attackers see, ``labels``, ``scores``, ``gradients`` or
    several, each with its levels in ``Result.knowledge``. ``surrogate``: a network like ``model``, or a list of some,
    given as that is: an attacker by scores has everything of them, and levels of its own for ``threshold``.
    ``samples``: so many correctly classified images are
    attacked, or ``all``; None: 100 if there are.
    ``preset`` sets the queries for one sample at one level (1,000, 10,000, or the papers'), ``max_queries`` another
    number. ``search``, ``give_up``, ``minimal``, ``independent_levels``, ``target``, ``fitness``, ``certify``,
    ``certify_seconds``, ``failure_probability``, ``defence``, ``access``, ``corruption``, ``shuffle``, ``seed``,
    ``precision``: as the options of ``pixelproof assess``. ``device``: ``auto``, ``cpu``, ``cuda`` or a
    ``torch.device``.
    ``batch_size``: images through the model at once; the last bits of scores depend on it.
    ``out``: a folder for the run; a run of the same identity found there is continued. ``progress`` shows a bar;
    ``listener`` is told the ``Progress`` now and then. ``workers``: so many processes of this machine share the work,
    or with ``backend="ray"`` workers of the Ray cluster at ``address`` (None starts one here); the records are the
    same. Raises ``InputError`` (``ModelError``, ``DataError``,
    ``RunError``) with one sentence when something cannot be done.
    """
    opened = _opened(model, images, labels, class_names, kind, name, device)
    job = _assess_job(
        *opened,
        surrogates=_surrogates(surrogate, device),
        attacks=several_attacks(attacks),
        levels=several(levels),
        knowledge=(knowledge,) if isinstance(knowledge, str) else tuple(knowledge),
        samples=samples,
        preset=preset,
        search=search,
        max_queries=max_queries,
        give_up=give_up,
        minimal=minimal,
        independent_levels=independent_levels,
        target=target,
        fitness=fitness,
        certify=certify,
        certify_seconds=certify_seconds,
        failure_probability=failure_probability,
        defence=defence,
        access=access,
        corruption=corruption,
        range=limits(range),
        shuffle=shuffle,
        seed=seed,
        precision=precision,
        batch_size=batch_size,
    )
    return Result(_finished(job, folder(out), (workers, backend, address), progress, listener))


@python_words
def certify(
    model: object,
    images: object,
    labels: object = None,
    *,
    class_names: Sequence[str] | None = None,
    attacks: str | Sequence[str] = ("few-pixel", "threshold"),
    levels: int | Sequence[int] = 1,
    samples: int | None = None,
    max_queries: int = 100,
    certify: Literal["auto", "sweep", "bounds", "masks"] = "auto",
    certify_seconds: float = 60,
    defence: str | None = None,
    corruption: str | None = None,
    range: range | slice | Sequence[int] | None = None,
    shuffle: int | None = None,
    seed: int = 0,
    device: str | torch.device = "auto",
    kind: ScoreKind | None = None,
    name: str | None = None,
    out: str | Path | None = None,
    workers: int | None = None,
    backend: Literal["processes", "ray"] | None = None,
    address: str | None = None,
    progress: bool = False,
    listener: Listener | None = None,
) -> Result:
    """Prove that no image within ``levels`` of those given gets another answer; ``certificates`` are the proofs.

    One image, with one label, or several. Each comes out proved, broken or open (``status``, ``verdicts``): a search of
    ``max_queries`` goes first, as what it breaks needs no proof, then the method ``certify`` tries for up to
    ``certify_seconds`` an image and level. Images that the model gets wrong are left out. What is common is as in
    ``assess``, whose kind of run and result this gives, so ``pixelproof verify`` checks the certificates again. Raises
    ``InputError`` with one sentence where nothing can be proved of such a model, images or levels.
    """
    if str(certify) == "none":
        raise InputError("certify: none proves nothing; expected auto, sweep, bounds or masks, or use pp.assess.")
    opened = _opened(model, *one_or_more(images, labels), class_names, kind, name, device)
    job = _assess_job(
        *opened,
        attacks=several_attacks(attacks),
        levels=several(levels),
        samples=samples,
        max_queries=max_queries,
        certify=certify,
        certify_seconds=certify_seconds,
        defence=defence,
        corruption=corruption,
        range=limits(range),
        shuffle=shuffle,
        seed=seed,
    )
    if (why := job.certification.refusal()) is not None:
        raise InputError(f"Nothing can be proved of {job.label} at these levels: {why}. Use pp.assess to search them.")
    return Result(_finished(job, folder(out), (workers, backend, address), progress, listener))


@python_words
def perturb(
    model: object,
    images: object,
    labels: object = None,
    *,
    class_names: Sequence[str] | None = None,
    suite: str = "all",
    only: str | Sequence[str] = (),
    severities: float | Sequence[float] = (1, 2, 3, 4, 5),
    samples: int | None = None,
    per_class: int | None = None,
    rounding: str = "reference",
    minimal: int | None = None,
    worst_case: int | None = None,
    gate: float | None = None,
    defence: str | None = None,
    corruption: str | None = None,
    range: range | slice | Sequence[int] | None = None,
    shuffle: int | None = None,
    seed: int = 0,
    device: str | torch.device = "auto",
    kind: ScoreKind | None = None,
    name: str | None = None,
    out: str | Path | None = None,
    workers: int | None = None,
    backend: Literal["processes", "ray"] | None = None,
    address: str | None = None,
    progress: bool = False,
    listener: Listener | None = None,
) -> Perturbations:
    """Measure ``model`` under common perturbations; what it returns has ``standings``, ``cells`` and the rest.

    Model, images and what is common are as in ``assess``; the others as the options of ``pixelproof perturb``. ``out``:
    a folder for the measurements, which are continued when found there, and their page. Raises ``InputError`` with one
    sentence when something cannot be done.
    """
    from pixelproof.api.views import Perturbations, shown_as
    from pixelproof.defences import defend
    from pixelproof.jobs.assess_spec import from_options
    from pixelproof.jobs.perturb.job import PerturbJob
    from pixelproof.jobs.perturb.spec import PerturbSpec
    from pixelproof.report.perturb import write_perturbations
    from pixelproof.results.perturb_view import perturb_view

    data, classifier, shared = _opened(model, images, labels, class_names, kind, name, device)
    options = {
        **shared,
        "suite": suite,
        "only": several(only),
        "severities": several(severities),
        "rounding": rounding,
        "samples": samples,
        "per_class": per_class,
        "minimal": minimal,
        "worst_case": worst_case,
        "gate": gate,
        "defence": defence,
        "corruption": corruption,
        "range": limits(range),
        "shuffle": shuffle,
        "seed": seed,
    }
    spec, place = from_options(PerturbSpec, options), folder(out)
    job = PerturbJob(spec, defend(classifier, spec.defence), data)
    with _finished(job, place, (workers, backend, address), progress, listener) as run:
        view = shown_as(Perturbations, perturb_view(run))
    if place is not None:
        write_perturbations(view, place)
    return view


@python_words
def audit(
    model: object,
    images: object,
    labels: object = None,
    claim: Claim | Mapping[str, Any] | str | Path | None = None,
    *,
    class_names: Sequence[str] | None = None,
    preset: str = "quick",
    only: int | Sequence[int] = (),
    samples: int | None = None,
    iterations: int | None = None,
    stored: str | Sequence[str] = (),
    bare: object = None,
    defence: str | None = None,
    range: range | slice | Sequence[int] | None = None,
    seed: int = 0,
    device: str | torch.device = "auto",
    kind: ScoreKind | None = None,
    name: str | None = None,
    out: str | Path | None = None,
    workers: int | None = None,
    backend: Literal["processes", "ray"] | None = None,
    address: str | None = None,
    progress: bool = False,
    listener: Listener | None = None,
) -> Audit:
    """Test a ``claim`` of robustness; what it returns has ``verdict``, ``judgement``, ``answers`` and the rest.

    Model, images and what is common are as in ``assess``; the others as the options of ``pixelproof audit``. ``claim``:
    a mapping with the keys of a claim file, or the path of one. ``bare``: the network without its defence. ``out``: a
    folder for what is measured, which is continued when found there, and for the review. Raises ``InputError`` with one
    sentence when something cannot be done.
    """
    from pixelproof.api.views import Audit
    from pixelproof.defences import defend
    from pixelproof.jobs.assess_spec import from_options
    from pixelproof.jobs.audit.job import AuditJob
    from pixelproof.jobs.audit.spec import AuditSpec
    from pixelproof.jobs.job import choose_device
    from pixelproof.report.audit import write_audit
    from pixelproof.results.audit.view import audit_view

    claimed = _claim(claim)
    data, classifier, shared = _opened(model, images, labels, class_names, kind, name, device)
    options = {
        **shared,
        "claim": "python",
        "preset": preset,
        "only": several(only),
        "samples": samples,
        "iterations": iterations,
        "stored": several(stored),
        "defence": defence,
        "range": limits(range),
        "seed": seed,
    }
    inner = None if bare is None else wrap_model(bare, device=choose_device(shared["device"]))
    options["bare"] = None if inner is None else f"python:{inner.name}"
    spec, place = from_options(AuditSpec, options), folder(out)
    job = AuditJob(spec, claimed, defend(classifier, spec.defence), data, bare=inner)
    with _finished(job, place, (workers, backend, address), progress, listener) as run:
        view = audit_view(run, Audit)
    if place is not None:
        write_audit(view, place)
    return view


@python_words
def clever(
    model: object,
    images: object,
    labels: object = None,
    *,
    class_names: Sequence[str] | None = None,
    samples: int | None = None,
    norm: Literal["l1", "l2", "linf"] = "l2",
    radius: float | None = None,
    batches: int = 50,
    batch_samples: int = 100,
    target: str | int = "none",
    defence: str | None = None,
    seed: int = 0,
    device: str | torch.device = "auto",
    kind: ScoreKind | None = None,
    name: str | None = None,
    out: str | Path | None = None,
    workers: int | None = None,
    backend: Literal["processes", "ray"] | None = None,
    address: str | None = None,
    progress: bool = False,
    listener: Listener | None = None,
) -> Clever:
    """Estimate from gradients how far each image is from the nearest of another class: its CLEVER score.

    Model, images and what is common are as in ``assess``; the others as the options of ``pixelproof clever``. Raises
    ``InputError`` with one sentence when something cannot be done.
    """
    from pixelproof.api.views import Clever, shown_as
    from pixelproof.defences import defend
    from pixelproof.jobs.assess_spec import from_options
    from pixelproof.jobs.clever.job import CleverJob, CleverSpec
    from pixelproof.report.clever import write_clever
    from pixelproof.results.clever import clever_result

    data, classifier, shared = _opened(model, images, labels, class_names, kind, name, device)
    options = {
        **shared,
        "samples": samples,
        "norm": norm,
        "radius": radius,
        "batches": batches,
        "batch_samples": batch_samples,
        "target": str(target),
        "defence": defence,
        "seed": seed,
    }
    spec, place = from_options(CleverSpec, options), folder(out)
    job = CleverJob(spec, defend(classifier, spec.defence), data)
    with _finished(job, place, (workers, backend, address), progress, listener) as run:
        found = clever_result(run)
    if place is not None:
        write_clever(found, place)
    return shown_as(Clever, found)


@python_words
def compare(*runs: str | Path | Result, force: bool = False) -> Comparison:
    """Finished runs over the same data side by side: folders, ``NAME=FOLDER`` for another name, or results with one.

    With ``force`` what differs in more than the network is compared too, and the differences are kept. Raises
    ``InputError`` where the runs cannot be compared.
    """
    from pixelproof.api.views import Comparison, shown_as
    from pixelproof.plans.compare import compare as side_by_side

    if not runs:
        raise InputError("There is nothing to compare; expected the folders of runs, or results.")
    return shown_as(Comparison, side_by_side([str(_place(each)) for each in runs], force=force))


@python_words
def load_run(path: str | Path) -> Result:
    """The assessment in the folder ``path``. Raises ``RunError`` where there is none."""
    run = RunStore.open(path_of(path, "path"))
    if run.manifest.job != "assess":
        job = run.manifest.job
        run.close()
        raise InputError(f"{path} holds a run of pixelproof {job}; expected one of assess, so open another folder.")
    return Result(run)


def _place(run: str | Path | Result) -> str | Path:
    if not isinstance(run, Result):
        return run
    if run.run.folder is None:
        raise InputError("A result in memory cannot be compared; save it first, as in result.save('run').")
    return run.run.folder


def _opened(
    model: object,
    images: object,
    labels: object,
    class_names: Sequence[str] | None,
    kind: ScoreKind | None,
    name: str | None,
    device: str | torch.device,
) -> tuple[ImageSet, Classifier, dict[str, Any]]:
    """The data, the model without a defence, and what a spec is told of both."""
    from pixelproof.jobs.job import choose_device

    if isinstance(model, (str, Path)):
        text = str(model)
        raise ModelError(f"The model is given as {text!r}; expected the model itself, as pp.load_model({text!r}).")
    data = as_image_set(images, labels, class_names)
    choice = device_name(device)
    classifier = wrap_model(model, name=name, kind=kind, device=choose_device(choice))
    return data, classifier, {"model": f"python:{classifier.name}", "data": "arrays", "device": choice}


def _surrogates(given: object, device: str | torch.device) -> list[Classifier]:
    """One network, or several, as classifiers on ``device``."""
    from pixelproof.jobs.job import choose_device

    several = given if isinstance(given, (list, tuple)) else [given]
    if text := next((each for each in several if isinstance(each, (str, Path))), None):
        raise ModelError(f"surrogate is given as {shown(text)}; expected the model itself, as pp.load_model({text!r}).")
    return [wrap_model(each, device=choose_device(device_name(device))) for each in several]


def _assess_job(
    data: ImageSet,
    classifier: Classifier,
    shared: Mapping[str, Any],
    surrogates: Sequence[Classifier] = (),
    **options: Any,
) -> AssessJob:
    """The assessment that ``options`` ask for, of what ``_opened`` gave."""
    from pixelproof.defences import defend
    from pixelproof.jobs.assess import AssessJob
    from pixelproof.jobs.assess_spec import make_spec
    from pixelproof.jobs.job import prepared

    spec = make_spec(**shared, **options, surrogate=[f"python:{each.name}" for each in surrogates])
    return AssessJob(spec, defend(classifier, spec.defence), prepared(data, spec), surrogates=surrogates)


def _finished(
    job: Job,
    place: Path | None,
    workers: tuple[int | None, str | None, str | None],
    progress: bool,
    listener: Listener | None,
) -> RunStore:
    """The run of ``job``, done by ``workers``, with a bar where that is asked for and nobody else listens."""
    from pixelproof.jobs.backends import opened
    from pixelproof.jobs.progress import job_progress
    from pixelproof.jobs.runner import run_job

    if listener is not None and not callable(listener):
        raise InputError(f"listener: a function of the progress was expected, not {shown(listener)}.")
    with opened(*workers) as backend:
        if listener is not None or not progress:
            return run_job(job, place, listener or (lambda _: None), backend)
        with job_progress(job.label) as bar:
            return run_job(job, place, bar, backend)


def _claim(claim: Claim | Mapping[str, Any] | str | Path | None) -> Claim:
    from pixelproof.jobs.audit.spec import read_claim
    from pixelproof.jobs.spec_file import checked
    from pixelproof.results.audit.claim import Claim

    if claim is None:
        raise InputError("The claim is missing; expected a mapping with the keys of a claim file, or its path.")
    if isinstance(claim, Claim):
        return claim
    if isinstance(claim, Mapping):
        return checked(Claim, claim, "claim")
    if not isinstance(claim, (str, Path)):
        raise InputError(
            f"claim: a mapping with the keys of a claim file, or its path, was expected, not {shown(claim)}."
        )
    return read_claim(Path(claim))
