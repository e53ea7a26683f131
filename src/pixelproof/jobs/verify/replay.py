"""A share of a run done again, and held against what the run says of it."""

import math
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import numpy as np

from pixelproof.data.imageset import UInt8Array
from pixelproof.engine.queue import attacked_at_once, by_attack, cohort_size
from pixelproof.jobs.assess import AssessJob
from pixelproof.jobs.audit.job import AuditJob
from pixelproof.jobs.certify import Level
from pixelproof.jobs.job import Job
from pixelproof.results.audit.view import CheckpointRecord, EvidenceRecord
from pixelproof.runs import Certificate, Record, RunStore
from pixelproof.runs.table import RecordType, columns, to_row
from pixelproof.wording import first_line

#: Samples that are attacked again together, at least one cohort of them.
_TOGETHER = 256
#: What differs from one time to the next.
_TIMES = ("seconds",)

#: What is said of an attempt at a proof that had no time left.
_SECONDS = re.compile(r"\bseconds\b|\d s\b")

Tell = Callable[[str], None]


@dataclass
class Replay:
    """How many of how many steps were done again, how many records that made, and what did not come out as told."""

    steps: int = 0
    of: int = 0
    records: int = 0
    problems: list[str] = field(default_factory=list)

    def hold(self, run: RunStore, record: RecordType, image: UInt8Array | None) -> None:
        """Hold ``record``, as it was now, against the one of its key in ``run``."""
        self.records += 1
        told = run.same(record)
        if told is None:
            self.problems.append(f"Done again, {record} comes out, which the run does not tell of.")
            return
        changed = [name for name in columns(type(record)) if _value(told, name) != _value(record, name)]
        before = run.image(told)
        if (before is None) != (image is None) or (
            before is not None and image is not None and not np.array_equal(before, image)
        ):
            changed.append("image")
        if changed:
            self.problems.append(f"Done again, {record} comes out with another {', '.join(changed)}.")


def replay(run: RunStore, job: Job, share: float, seed: int, tell: Tell = lambda _: None) -> Replay:
    """Do ``share`` (0 to 1) of the steps of ``run`` again, at least one, which ``seed`` draws.

    ``job`` is that of the run and has begun again. Raises ``InputError`` where it cannot be done.
    """
    draw = random.Random(seed)  # noqa: S311  # what nobody can know before is its seed
    if isinstance(job, AssessJob):
        return _assessed(run, job, share, draw, tell)
    if isinstance(job, AuditJob):
        return _audited(run, job, share, draw, tell)
    return _stepped(run, job, share, draw, tell)


def _drawn(of: int, share: float, draw: random.Random) -> list[int]:
    """The numbers of the steps that are done again, ascending."""
    return sorted(draw.sample(range(of), min(of, math.ceil(share * of))))


def _assessed(run: RunStore, job: AssessJob, share: float, draw: random.Random, tell: Tell) -> Replay:
    """Cohorts of attacks, then attempts at proofs."""
    samples = run.manifest.selection.samples
    sizes = {attack: cohort_size(levels) for attack, levels in by_attack(job.settings).items()}
    sizes |= {each.spec: attacked_at_once(job.settings, each, len(samples)) for each in job.settings.attacks}
    cohorts = [(attack, first) for attack, size in sizes.items() for first in range(0, len(samples), size)]
    proofs = [(level, sample) for level in job.certification.levels for sample in samples]
    found = Replay(of=len(cohorts) + len(proofs))
    numbers = _drawn(found.of, share, draw)
    found.steps = len(numbers)
    chosen = [cohorts[number] for number in numbers if number < len(cohorts)]
    for attack, firsts in groupby(chosen, key=lambda each: each[0]):
        for part in _parts([first for _, first in firsts], max(1, _TOGETHER // sizes[attack])):
            again = [sample for first in part for sample in samples[first : first + sizes[attack]]]
            tell(f"doing {attack} again on {len(again)} samples")
            for progress in job.attack_again(run, attack, again):
                for record, image in progress.outcomes:
                    found.hold(run, record, image)
    for number in numbers:
        if number >= len(cohorts):
            level, sample = proofs[number - len(cohorts)]
            tell(f"proving {level.constraint}, th = {level.threshold} of sample {sample} again")
            _proved(run, job, level, sample, found)
    return found


def _proved(run: RunStore, job: AssessJob, level: Level, sample: int, found: Replay) -> None:
    """An attempt at a proof that the run tells of; it may end otherwise where its seconds are over."""
    told = _attempted(run, level, sample)
    if told is None:
        return
    record, image = job.prove_again(run, level, sample)
    if not _out_of_time(told) and not _out_of_time(record):
        found.hold(run, record, image)


def _attempted(run: RunStore, level: Level, sample: int) -> RecordType | None:
    """The certificate of ``sample``, or the record of an image that its proof came upon; None: there is neither."""
    place = (level.method, level.constraint, level.threshold)
    every: list[Certificate | Record] = [*run.of_sample(Certificate, sample), *run.of_sample(Record, sample)]
    return next((each for each in every if (each.method, each.constraint, each.threshold) == place), None)


def _out_of_time(record: RecordType) -> bool:
    return isinstance(record, Certificate) and _SECONDS.search(record.reason) is not None


def _stepped(run: RunStore, job: Job, share: float, draw: random.Random, tell: Tell) -> Replay:
    steps = list(run.manifest.details["steps"])
    chosen = [steps[number] for number in _drawn(len(steps), share, draw)]
    found = Replay(len(chosen), len(steps))
    begun = job.begin()
    with RunStore.create(None, begun.manifest, begun.clean, job.records) as empty:
        for step in chosen:
            tell(f"doing {step} again")
            for batch in job.work(empty, [step]):
                for record, image in batch.outcomes:
                    found.hold(run, record, image)
    return found


def _audited(run: RunStore, job: AuditJob, share: float, draw: random.Random, tell: Tell) -> Replay:
    keys = [record.key for record in run.of(EvidenceRecord)]
    chosen = [keys[number] for number in _drawn(len(keys), share, draw)]
    found = Replay(len(chosen), len(keys))
    tell(f"measuring {len(chosen)} pieces of evidence again")
    for key, value in job.judge_again(run, chosen).evidence.items():
        found.hold(run, EvidenceRecord(key, value), None)
    return found


def judged_problems(run: RunStore, job: AuditJob) -> Iterator[str]:
    """What the checkpoints of an audit say that does not follow from its evidence."""
    try:
        judged = job.judge_again(run)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RuntimeError) as error:
        # Evidence is whatever a stranger has written there; that no checkpoint can make sense of it says enough.
        yield f"The evidence of the run cannot be judged again ({first_line(error)})."
        return
    for record in judged.checkpoints:
        told = run.same(record)
        if told is None or any(_value(told, name) != _value(record, name) for name in columns(CheckpointRecord)):
            yield f"What the checkpoint {record.number} says does not follow from the evidence of the run."
    manifest = run.manifest
    if manifest.details.get("surviving") != judged.surviving:
        yield "The share of samples that survive does not follow from the evidence of the run."
    if manifest.status == "finished":
        for key in sorted(judged.unasked):
            yield f"There is evidence that no checkpoint asks for: {key}."


def _value(record: RecordType, name: str) -> Any:
    """A value as it is kept, without times."""
    if name in _TIMES:
        return None
    value = dict(zip(columns(type(record)), to_row(record), strict=True))[name]
    return _timeless(getattr(record, name)) if isinstance(getattr(record, name), (dict, list)) else value


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _timeless(each) for key, each in value.items() if key not in _TIMES}
    return [_timeless(each) for each in value] if isinstance(value, (list, tuple)) else value


def _parts(values: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]
