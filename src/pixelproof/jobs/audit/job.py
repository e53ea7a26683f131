"""An audit, checkpoint by checkpoint."""

from collections.abc import Collection, Iterator, MutableSequence, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from pixelproof.data import ImageSet
from pixelproof.jobs.audit.checkpoint import Checkpoint
from pixelproof.jobs.audit.checkpoints import CHECKPOINTS
from pixelproof.jobs.audit.context import BATCH, AuditContext, Recalled
from pixelproof.jobs.audit.repetition import repetition
from pixelproof.jobs.audit.spec import AuditSpec, Effort
from pixelproof.jobs.audit.surviving import surviving_so_far
from pixelproof.jobs.job import Batch, Begun, Job, Known, in_range
from pixelproof.jobs.preflight import RANDOM_OUTPUT, preflight
from pixelproof.models import Classifier
from pixelproof.results.audit.claim import Claim
from pixelproof.results.audit.view import CheckpointRecord, EvidenceRecord
from pixelproof.runs import Finding, Manifest, RunStore, Selection
from pixelproof.runs.table import RecordType

#: Options that change no result, or whose place the resolved ones take.
_FREE = {"model", "bare", "data", "claim", "trust_code", "only", "preset", "device", "range", "stored"}
#: All checkpoints by the keys of their steps.
_ALL = {f"checkpoint {each.number}": each for each in CHECKPOINTS}


@dataclass
class Judged:
    """An audit judged again: what was measured again by its key, what the checkpoints said, what survives, and the keys
    of evidence that none of them asked for.
    """

    evidence: dict[str, Any] = field(default_factory=dict)
    checkpoints: list[CheckpointRecord] = field(default_factory=list)
    surviving: dict[str, int] | None = None
    unasked: Collection[str] = ()


class AuditJob(Job):
    """What ``spec`` asks of a ``claim`` about ``classifier``, which stands behind its defence, by ``effort``.

    ``effort`` None is that of the spec; ``bare`` is the network without its defence, where that is handed over. Of runs
    whose images are shown to the model the identities count, not where they lie.
    """

    kind = "audit"
    records = (EvidenceRecord, CheckpointRecord)
    spec: AuditSpec

    def __init__(
        self,
        spec: AuditSpec,
        claim: Claim,
        classifier: Classifier,
        data: ImageSet,
        effort: Effort | None = None,
        bare: Classifier | None = None,
    ) -> None:
        self.data = in_range(data, spec.range)
        super().__init__(f"{classifier.name}, checkpoints", spec, classifier, self.data, spec.device)
        self.claim, self.effort, self.bare = claim, effort or spec.effort, bare
        self._stored = [_identity(Path(folder)) for folder in spec.stored]

    @property
    def resolved(self) -> dict[str, Any]:
        return {
            **self.spec.model_dump(mode="json", exclude=_FREE),
            "effort": asdict(self.effort),
            "claim": self.claim.model_dump(mode="json"),
            "stored": self._stored,
            "bare": None if self.bare is None else self.bare.fingerprint,
            "device": self.device.type,
        }

    def begin(self) -> Begun:
        """Look at the model. Raises ``InputError`` for what the user must put right."""
        model, data = self.classifier, self.data
        found = preflight(
            model,
            data,
            batch_size=BATCH,
            device=self.device,
            limit=self.effort.clean,
            refuse_chance=False,
            asked=self.asked,
        )
        findings = (*found.findings, *repetition(model, data, self.device, found.findings, self.asked))
        found = replace(found, findings=findings)
        samples = self._context(findings).samples.chosen
        selection = Selection(
            f"{len(samples)} images drawn at random by seed {self.spec.seed}",
            len(data),
            tuple(samples.indices.tolist()),
            tuple(samples.labels.tolist()),
        )
        return Begun(self.manifest(found, selection, steps=[*self._chosen], surviving=None))

    def again(self, manifest: Manifest) -> Begun:
        """Checkpoints may have been added since, and what survives is known once they are asked."""
        begun, told, mine = self.begin().manifest, manifest.details, [*self._chosen]
        steps = [step for step in told.get("steps", ()) if step in _ALL]
        steps = steps if steps[: len(mine)] == mine and len(set(steps)) == len(steps) else mine
        return Begun(replace(begun, details={**begun.details, "steps": steps, "surviving": told.get("surviving")}))

    def judge_again(self, run: RunStore, anew: Collection[str] = ()) -> Judged:
        """What the checkpoints of ``run`` say in their order, by its evidence; that of the keys ``anew`` is measured
        again.
        """
        recalled = Recalled({each.key: each.value for each in run.of(EvidenceRecord)}, anew)
        judged = Judged()
        audit = self._context(run.manifest.findings, recalled=recalled, keep=judged.evidence.__setitem__)
        for record in run.of(CheckpointRecord):
            if (checkpoint := _ALL.get(f"checkpoint {record.number}")) is None:
                continue  # which is told of as one that there is not
            answer = checkpoint.result(audit)
            judged.checkpoints.append(CheckpointRecord(answer["number"], answer["verdict"], answer))
        found = surviving_so_far(audit)
        judged.surviving = None if found is None else asdict(found.robust_accuracy)
        judged.unasked = recalled.values.keys() - recalled.asked
        return judged

    def take_up(self, run: RunStore) -> None:
        """Add the checkpoints that are asked for now to those planned before."""
        planned = run.manifest.details["steps"]
        if new := [step for step in self._chosen if step not in planned]:
            run.reopen({"steps": [*planned, *new]})

    @cached_property
    def _chosen(self) -> dict[str, Checkpoint]:
        only = self.spec.only
        return {step: each for step, each in _ALL.items() if not only or each.number in only}

    def total(self, run: RunStore) -> tuple[float, float]:
        return len(self._chosen) - len(self.left(run)), len(self._chosen)

    def left(self, run: RunStore) -> list[str]:
        done = run.steps()
        return [step for step in self._chosen if step not in done]

    def stages(self, steps: Sequence[str]) -> list[list[Sequence[str]]]:
        """One worker does all in order: what a checkpoint says follows from what those before it measured."""
        return [[steps]]

    def known(self, run: RunStore, steps: Collection[str]) -> dict[str, list[RecordType]]:
        return {step: list(run.of(EvidenceRecord)) for step in list(steps)[:1]}

    def work(self, run: Known, steps: MutableSequence[str]) -> Iterator[Batch]:
        """Ask the checkpoints ``steps``; each measurement is kept at once, as one may take hours."""
        audit = self._measuring(run)
        while steps:
            step = steps[0]
            del steps[0]
            answer = self._chosen[step].result(audit)
            yield Batch([(CheckpointRecord(answer["number"], answer["verdict"], answer), None)], step)

    def end(self, run: RunStore) -> None:
        """What all attacks of the checkpoints leave."""
        if (found := surviving_so_far(self._measuring(run))) is not None:
            run.add_details({"surviving": asdict(found.robust_accuracy)})

    def _measuring(self, run: Known) -> AuditContext:
        return self._context(
            run.manifest.findings,
            known={record.key: record.value for record in run.of(EvidenceRecord)},
            keep=lambda key, value: run.commit([(EvidenceRecord(key, value), None)]),
        )

    def _context(self, findings: Sequence[Finding], **memory: Any) -> AuditContext:
        return AuditContext(
            self.claim,
            self.effort,
            self.classifier,
            self.data,
            seed=self.spec.seed,
            device=self.device,
            findings=findings,
            random=any(finding.name == RANDOM_OUTPUT for finding in findings),
            stored=self.spec.stored,
            whole=not self.spec.range,
            bare=self.bare,
            **memory,
        )


def _identity(folder: Path) -> str:
    """That of the run in ``folder``; whatever is wrong with it is said before hours of work."""
    with RunStore.open(folder) as run:
        return run.manifest.identity
