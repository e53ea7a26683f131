"""From a spec, or from a run, to its job: the model and the data that it speaks of are loaded here."""

import shlex
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from pixelproof.data import ImageSet, load_data
from pixelproof.defences import defend
from pixelproof.errors import RunError
from pixelproof.jobs.assess import AssessJob
from pixelproof.jobs.assess_spec import AssessSpec, from_options
from pixelproof.jobs.audit.job import AuditJob
from pixelproof.jobs.audit.spec import AuditSpec, read_claim
from pixelproof.jobs.clever.job import CleverJob, CleverSpec
from pixelproof.jobs.job import Job, choose_device, in_range, prepared
from pixelproof.jobs.perturb.job import PerturbJob
from pixelproof.jobs.perturb.spec import PerturbSpec
from pixelproof.jobs.transfer import TransferJob, TransferSpec, sources_in
from pixelproof.models import Classifier, load_model
from pixelproof.models.load import is_remote
from pixelproof.runs import RunStore
from pixelproof.wording import shown

Spec = AssessSpec | PerturbSpec | CleverSpec | TransferSpec | AuditSpec
SPECS: dict[str, type[BaseModel]] = {
    "assess": AssessSpec,
    "perturb": PerturbSpec,
    "clever": CleverSpec,
    "transfer": TransferSpec,
    "audit": AuditSpec,
}


def open_model(spec: Spec) -> Classifier:
    """The model of ``spec`` on its device, behind its defence."""
    classifier = load_model(spec.model, trust_code=spec.trust_code, device=choose_device(spec.device))
    return defend(classifier, spec.defence)


def open_bare(spec: AuditSpec) -> Classifier | None:
    """The network without its defence, where ``spec`` names one."""
    if spec.bare is None:
        return None
    return load_model(spec.bare, trust_code=spec.trust_code, device=choose_device(spec.device))


def considered(spec: Spec, data: ImageSet) -> ImageSet:
    """The images of ``data`` in range of ``spec``, corrupted where it says so."""
    if isinstance(spec, (AssessSpec, PerturbSpec)):
        return prepared(data, spec)
    return in_range(data, getattr(spec, "range", None))


def open_job(spec: Spec, *, allow_download: bool = True) -> Job:
    """The job of ``spec``, whose data are fetched only where ``allow_download`` is true.

    Raises ``InputError`` for anything that the user must put right.
    """
    load = partial(load_data, allow_download=allow_download)
    if isinstance(spec, TransferSpec):
        classifier = open_model(spec)
        return TransferJob(spec, classifier, *sources_in([Path(each) for each in spec.sources], classifier.name))
    if isinstance(spec, AuditSpec):
        claim = read_claim(Path(spec.claim))
        return AuditJob(spec, claim, open_model(spec), load(spec.data), bare=open_bare(spec))
    if isinstance(spec, CleverSpec):
        return _clever(spec, load(spec.data))
    if isinstance(spec, PerturbSpec):
        return PerturbJob(spec, open_model(spec), load(spec.data))
    return open_assessment(spec, allow_download=allow_download)


def open_assessment(spec: AssessSpec, *, allow_download: bool = True) -> AssessJob:
    """As ``open_job``, of an assessment."""
    data = considered(spec, load_data(spec.data, allow_download=allow_download))
    return AssessJob(spec, open_model(spec), data)


def _clever(spec: CleverSpec, data: ImageSet) -> CleverJob:
    if spec.run is None:
        return CleverJob(spec, open_model(spec), data)
    with RunStore.open(Path(spec.run)) as run, run.reading():
        return CleverJob(spec, open_model(spec), data, run)


def job_of(run: RunStore, trust_code: bool, model: str | None = None, data: str | None = None) -> Job:
    """The job of ``run``, with other places for its model and data where given.

    Data that only the run names are not fetched, as it may be another's. An assessment needs none but the run's own.
    """
    spec = spec_of(run, trust_code, model, data)
    if isinstance(spec, AssessSpec):
        return AssessJob.of_run(run, open_model(spec))
    return open_job(spec, allow_download=data is not None)


def spec_of(run: RunStore, trust_code: bool, model: str | None = None, data: str | None = None) -> Spec:
    """The spec of ``run``, with another place for its model or data where given; trust is asked for anew."""
    spec = told_spec(run, trust_code, model, data)
    if spec.model.startswith("python:"):
        raise RunError("The run was begun from Python, so its model is not known here; name it with --model.")
    if model is None and not trust_code and is_remote(spec.model):
        raise RunError(
            f"The run's model is {spec.model}, to be reached over the network; expected your word, as a run may be "
            f"another's, so name it again with --model {shlex.quote(spec.model)}."
        )
    if (away := next(filter(is_remote, getattr(spec, "surrogate", ())), None)) and not trust_code:
        raise RunError(
            f"The run's surrogate is {away}, to be reached over the network; expected your word, as a run may be "
            "another's, so add --trust-code."
        )
    return spec


def told_spec(run: RunStore, trust_code: bool = False, model: str | None = None, data: str | None = None) -> Spec:
    """As ``spec_of``, whatever model that names. Raises ``RunError`` for a run of a kind that is not known."""
    manifest = run.manifest
    if manifest.job not in SPECS:
        raise RunError(f"The run is of the kind {shown(manifest.job)}; expected one of {', '.join(SPECS)}.")
    places = {key: value for key, value in (("model", model), ("data", data)) if value is not None}
    options: dict[str, Any] = {**manifest.spec, **places, "trust_code": trust_code}
    spec: Spec = from_options(SPECS[manifest.job], options)  # type: ignore[assignment]
    return spec
