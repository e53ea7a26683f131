"""The job of a run, as it stands, to begin again: nothing but the run says what it was about."""

from dataclasses import replace
from pathlib import Path

from pixelproof.data import ImageSet
from pixelproof.data.imageset import in_colour
from pixelproof.errors import ModelError, RunError
from pixelproof.jobs.assess import AssessJob
from pixelproof.jobs.assess_spec import AssessSpec
from pixelproof.jobs.audit.job import AuditJob
from pixelproof.jobs.audit.spec import AuditSpec
from pixelproof.jobs.clever.job import CleverJob, CleverSpec
from pixelproof.jobs.job import Job
from pixelproof.jobs.open import Spec, considered, open_bare
from pixelproof.jobs.perturb.job import PerturbJob
from pixelproof.jobs.spec_file import checked
from pixelproof.jobs.transfer import TransferJob, TransferSpec, sources_in
from pixelproof.models import Classifier, settle_kind
from pixelproof.results.audit.claim import Claim
from pixelproof.runs import Manifest, RunStore


class NotAtHandError(Exception):
    """Something that the job needs is not here; its text says what that leaves unchecked."""


def job_again(manifest: Manifest, spec: Spec, classifier: Classifier, data: ImageSet | None) -> Job:
    """The job of a run with ``manifest``, of ``spec`` about ``classifier`` and all of the ``data``.

    Raises ``NotAtHandError``, and ``InputError`` as the job does where it cannot be.
    """
    if isinstance(spec, TransferSpec):
        return _transfer(manifest, spec, classifier)
    if data is None:
        raise NotAtHandError("The data is not at hand: clean images and labels are as stored.")
    if isinstance(spec, AssessSpec):
        return AssessJob(spec, classifier, considered(spec, data))
    if isinstance(spec, AuditSpec):
        claim = checked(Claim, manifest.settings.get("claim") or {}, "The claim of the run")
        return AuditJob(_with_runs(spec), claim, classifier, data, bare=_bare(spec))
    if isinstance(spec, CleverSpec):
        return _clever(spec, classifier, data)
    return PerturbJob(spec, classifier, data)


def as_taken(manifest: Manifest, data: ImageSet) -> ImageSet:
    """``data`` as a plan took them for the run: of grey images three channels, and of all those that are told."""
    if data.shape[2] == 1 and manifest.data.shape[2] == 3:
        data = in_colour(data)
    picked = manifest.details.get("images")
    if not isinstance(picked, list):
        return data
    where = {index: position for position, index in enumerate(data.indices.tolist())}
    return data.take([where[index] for index in picked if index in where])


def _clever(spec: CleverSpec, classifier: Classifier, data: ImageSet) -> CleverJob:
    if spec.run is None:
        return CleverJob(spec, classifier, data)
    with _opened(spec.run) as run:
        return CleverJob(spec, classifier, data, run)


def _transfer(manifest: Manifest, spec: TransferSpec, classifier: Classifier) -> TransferJob:
    """A plan may call its sources as it likes, and need not look at a model twice."""
    for place in spec.sources:
        _opened(place).close()
    sources, data = sources_in([Path(each) for each in spec.sources], classifier.name)
    labels = manifest.details.get("steps", ())
    if len(labels) == len(sources):
        sources = [replace(source, label=str(label)) for source, label in zip(sources, labels, strict=True)]
    looked_at = manifest.model.checked == 0
    if looked_at:
        settle_kind(classifier, manifest.model.kind)
    return TransferJob(spec, classifier, sources, data, looked_at=looked_at)


def _bare(spec: AuditSpec) -> Classifier | None:
    try:
        return open_bare(spec)
    except ModelError as error:
        raise NotAtHandError(f"The bare network that the audit was given is not at hand: {error}") from error


def _with_runs(spec: AuditSpec) -> AuditSpec:
    for place in spec.stored:
        _opened(place).close()
    return spec


def _opened(place: str) -> RunStore:
    try:
        return RunStore.open(Path(place))
    except RunError as error:
        raise NotAtHandError(f"A run that this one was shown is not at hand: {error}") from error
