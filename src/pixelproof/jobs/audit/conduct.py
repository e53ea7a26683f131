"""An audit, checkpoint by checkpoint, into a journal, so that it can be interrupted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pixelproof.data import ImageSet
from pixelproof.errors import InputError
from pixelproof.jobs.audit import JOURNAL
from pixelproof.jobs.audit.answered import planned
from pixelproof.jobs.audit.attacking import BATCH
from pixelproof.jobs.audit.case import Case
from pixelproof.jobs.audit.checkpoint import Answer, Checkpoint
from pixelproof.jobs.audit.checkpoints import CHECKPOINTS
from pixelproof.jobs.audit.claim import Claim
from pixelproof.jobs.audit.effort import Effort
from pixelproof.jobs.audit.measures.withstood import so_far
from pixelproof.jobs.audit.spec import AuditSpec
from pixelproof.jobs.job import choose_device, in_range
from pixelproof.jobs.preflight import RANDOM_OUTPUT, preflight
from pixelproof.models import Classifier
from pixelproof.runs import RunStore
from pixelproof.runs.environment import environment
from pixelproof.runs.identity import run_identity
from pixelproof.runs.journal import Journal

#: Options that change no result.
_FREE = {"model", "data", "claim", "trust_code", "only", "preset"}

Progress = Callable[[float], None]  # told the share done


def conduct(
    spec: AuditSpec,
    claim: Claim,
    classifier: Classifier,
    data: ImageSet,
    out: Path | None,
    effort: Effort | None = None,
    progress: Progress = lambda _: None,
) -> Journal:
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
    options = {**spec.model_dump(mode="json", exclude=_FREE), "effort": asdict(effort), "claim": claim.model_dump()}
    head = {
        "identity": run_identity("audit", options, classifier.fingerprint, classifier.kind, usable.content_hash),
        "spec": spec.model_dump(mode="json"),
        "claim": claim.model_dump(mode="json"),
        "effort": asdict(effort),
        "model": classifier.name,
        "model_sha256": classifier.fingerprint,
        "kind": classifier.kind,
        "data": usable.name,
        "data_sha256": usable.content_hash,
        "images": len(usable),
        "class_names": list(usable.class_names),
        "shape": list(usable.shape),
        "planned": [each.number for each in chosen],
        "findings": [asdict(finding) for finding in found.findings],
        "environment": environment(device),
    }
    journal = Journal.begin(None if out is None else out / JOURNAL, head)
    if not planned(journal).issuperset(each.number for each in chosen):
        journal.add({"planned": head["planned"]})
    case = Case(
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
    )
    _answer_all(case, chosen, progress)
    return journal


def _answer_all(case: Case, chosen: list[Checkpoint], progress: Progress) -> None:
    known = {each["number"] for each in case.journal.of("answer")}
    for done, checkpoint in enumerate(chosen, 1):
        if checkpoint.number not in known:
            case.journal.add({"answer": answered(checkpoint, case)})
        progress(done / len(chosen))
    told = case.journal.of("withstood") and known.issuperset(checkpoint.number for checkpoint in chosen)
    if not told and (found := so_far(case)) is not None:
        case.journal.add({"withstood": asdict(found.rate)})


def answered(checkpoint: Checkpoint, case: Case) -> dict[str, Any]:
    """What ``checkpoint`` answers about ``case``, with its own words, as it is kept."""
    told = {name: getattr(checkpoint, name) for name in ("number", "name", "title", "asks", "source")}
    return {**told, **asdict(_answer(checkpoint, case))}


def _answer(checkpoint: Checkpoint, case: Case) -> Answer:
    """What ``checkpoint`` says; where it cannot be asked, why."""
    if checkpoint.needs == "gradients" and (reason := case.blind("open")):
        return Answer("skipped", f"This needs gradients, which cannot be had here. {reason}")
    if checkpoint.needs == "scores" and case.classifier.kind == "labels":
        return Answer("skipped", "This needs scores, and the model tells labels alone.")
    if checkpoint.needs != "claim" and not case.right:
        return Answer("skipped", "None of the samples is classified correctly, so there is nothing to attack.")
    try:
        return checkpoint.judge(case)
    except InputError as error:  # an attack that has no form in this norm, or not for this model
        return Answer("skipped", f"This could not be measured. {error}")
