"""Whether a run holds the records of the steps that are through, each once, and no others."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from pixelproof.jobs.assess import AssessJob
from pixelproof.jobs.audit.job import AuditJob
from pixelproof.jobs.clever.job import CleverJob
from pixelproof.jobs.perturb.job import PerturbJob
from pixelproof.jobs.transfer import TransferJob
from pixelproof.results.audit.view import CheckpointRecord
from pixelproof.results.clever import CleverRecord
from pixelproof.results.perturbations import Least, PerturbationRecord, WorstCase
from pixelproof.results.study.transfer import CleanRecord, TransferRecord
from pixelproof.runs import Certificate, FailureProbability, Manifest, RunStore
from pixelproof.runs.table import RecordType

#: By kind of job the types of its records.
RECORDS: Mapping[str, Sequence[type[RecordType]]] = {
    job.kind: job.records for job in (AssessJob, PerturbJob, CleverJob, TransferJob, AuditJob)
}

#: Tables that older runs lack; what is missing of them is looked at by what was asked for.
_LATER = {FailureProbability.TABLE}


def incomplete(run: RunStore, manifest: Manifest) -> Iterator[str]:
    """What is there twice, or is missing, or was never asked for; that of attacks is looked at elsewhere."""
    tables = {kind.TABLE for kind in RECORDS.get(manifest.job, ())} | {Certificate.TABLE}
    for table in sorted(tables.symmetric_difference(run.tables()) - (_LATER & tables)):
        yield f"The table {table} is not one of a run of {manifest.job}, or is missing."
        return
    for kind in RECORDS.get(manifest.job, ()):
        if kind.TABLE in run.tables() and run.doubled(kind):
            yield f"There are two {kind.TABLE} of one key."
    if manifest.job != "assess" and run.of(Certificate):
        yield "There are certificates, which no such run has."
    if manifest.job in _COMPLETE:
        yield from _COMPLETE[manifest.job](run, manifest)


def _perturbed(run: RunStore, manifest: Manifest) -> Iterator[str]:
    found = [f"{each.perturbation} {each.strength:g}" for each in run.of(PerturbationRecord)]
    found += [f"{each.perturbation} towards {each.towards:g}" for each in run.of(Least)]
    found += ["worst case" for _ in run.of(WorstCase)]
    yield from _same("the step", found, run.steps())
    samples = len(manifest.selection.samples)
    for cell in run.of(PerturbationRecord):
        if any(len(each) != samples for each in (cell.answers, cell.l1, cell.l2, cell.linf, cell.ssim)):
            yield f"{cell.perturbation} {cell.strength:g} does not tell of every sample."


def _scored(run: RunStore, manifest: Manifest) -> Iterator[str]:
    found = [each.sample for each in run.of(CleverRecord)]
    if manifest.status == "finished":
        yield from _same("the sample", found, manifest.selection.samples)


def _shown(run: RunStore, manifest: Manifest) -> Iterator[str]:
    sources = {each.source for each in run.of(TransferRecord)}
    for source in sorted(sources - run.steps()):
        yield f"There are answers to images of {source}, which were not shown."
    if manifest.status == "finished":
        yield from _same("the sample", [each.sample for each in run.of(CleanRecord)], manifest.selection.samples)


def _judged(run: RunStore, manifest: Manifest) -> Iterator[str]:
    yield from _same("the step", [f"checkpoint {each.number}" for each in run.of(CheckpointRecord)], run.steps())


_COMPLETE: Mapping[str, Callable[[RunStore, Manifest], Iterator[str]]] = {
    "perturb": _perturbed,
    "clever": _scored,
    "transfer": _shown,
    "audit": _judged,
}


def _same(what: str, found: Iterable[object], wanted: Iterable[object]) -> Iterator[str]:
    found, wanted = set(found), set(wanted)
    for each in sorted(map(str, wanted - found)):
        yield f"Nothing is told of {what} {each}."
    for each in sorted(map(str, found - wanted)):
        yield f"Something is told of {what} {each}, which there is not."
