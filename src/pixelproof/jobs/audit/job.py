"""An audit, checkpoint by checkpoint, written as it finishes, so that it can be interrupted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pixelproof.data import ImageSet
from pixelproof.jobs.assess import choose_device, in_range
from pixelproof.jobs.audit.attacks import surviving_so_far
from pixelproof.jobs.audit.checkpoint import Checkpoint
from pixelproof.jobs.audit.checkpoints import CHECKPOINTS
from pixelproof.jobs.audit.context import BATCH, AuditContext
from pixelproof.jobs.audit.spec import AuditSpec, Effort
from pixelproof.jobs.preflight import RANDOM_OUTPUT, preflight
from pixelproof.models import Classifier
from pixelproof.results.audit.claim import Claim
from pixelproof.results.audit.view import JOURNAL, AuditView, audit_view
from pixelproof.runs import RunStore
from pixelproof.runs.environment import environment
from pixelproof.runs.identity import run_identity
from pixelproof.runs.journal import Journal

#: Options that change no result.
_FREE = {"model", "data", "claim", "trust_code", "only", "preset"}

Progress = Callable[[float], None]  # told the share done


def run_audit(
    spec: AuditSpec,
    claim: Claim,
    classifier: Classifier,
    data: ImageSet,
    out: Path | None,
    effort: Effort | None = None,
    progress: Progress = lambda _: None,
) -> AuditView:
    """Do what is left of ``spec`` in the folder ``out`` (None: in memory), by ``effort`` in place of the preset's.

    ``classifier`` stands behind its defence already. Raises ``InputError`` for what the user must put right, before
    anything is written.
    """
    device, effort = choose_device(spec.device), effort or spec.effort
    for folder in spec.stored:
        RunStore.open(Path(folder)).close()  # whatever is wrong with it is said before hours of work
    usable = in_range(data, spec.range)
    found = preflight(classifier, usable, batch_size=BATCH, device=device, limit=effort.clean, refuse_chance=False)
    chosen = [each for each in CHECKPOINTS if not spec.only or each.number in spec.only]
    head = {
        **_identified(spec, claim, effort, classifier, usable),
        "planned": [each.number for each in chosen],
        "findings": [asdict(finding) for finding in found.findings],
        "environment": environment(device),
    }
    journal = Journal.begin(None if out is None else out / JOURNAL, head)
    audit = AuditContext(
        claim,
        effort,
        classifier,
        usable,
        journal,
        seed=spec.seed,
        device=device,
        findings=found.findings,
        random=any(finding.name == RANDOM_OUTPUT for finding in found.findings),
        stored=spec.stored,
        whole=not spec.range,
    )
    return _check_all(audit, chosen, journal, progress)


def _identified(
    spec: AuditSpec, claim: Claim, effort: Effort, classifier: Classifier, data: ImageSet
) -> dict[str, Any]:
    """What is audited, by its names and hashes."""
    options = {**spec.model_dump(mode="json", exclude=_FREE), "effort": asdict(effort), "claim": claim.model_dump()}
    return {
        "identity": run_identity(options, classifier.fingerprint, classifier.kind, data.content_hash),
        "spec": spec.model_dump(mode="json"),
        "claim": claim.model_dump(mode="json"),
        "effort": asdict(effort),
        "model": classifier.name,
        "model_sha256": classifier.fingerprint,
        "kind": classifier.kind,
        "data": data.name,
        "data_sha256": data.content_hash,
        "images": len(data),
        "class_names": list(data.class_names),
        "shape": list(data.shape),
    }


def _check_all(audit: AuditContext, chosen: list[Checkpoint], journal: Journal, progress: Progress) -> AuditView:
    """Ask those of ``chosen`` that ``journal`` has no answers of, and tell it what the attacks leave."""
    numbers, before = [each.number for each in chosen], audit_view(journal)
    if not before.planned.issuperset(numbers):
        journal.add({"planned": numbers})
    known = {each.number for each in before.answers}
    for done, checkpoint in enumerate(chosen, 1):
        if checkpoint.number not in known:
            journal.add({"answer": checkpoint.result(audit)})
        progress(done / len(chosen))
    complete = before.withstood is not None and known.issuperset(numbers)
    if not complete and (found := surviving_so_far(audit)) is not None:
        journal.add({"withstood": asdict(found.robust_accuracy)})
    return audit_view(journal)
