"""Images that were made against a bare model, shown to the same model behind a defence."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from pixelproof.attacks.goal import Goal
from pixelproof.data.imageset import UInt8Array
from pixelproof.engine.judge import Bound, Judge
from pixelproof.runs import Record, RunStore
from pixelproof.runs.distances import pixel_distances


def replayed(run: RunStore, judge: Judge) -> list[Record]:
    """The records of ``run`` as they are when its images meet a defended model, which ``judge`` asks.

    Samples that the defended model gets wrong without any attack are left out. The last try at a sample that was
    not fooled is shown as well, as the study does whose figures these are (Jankovic & Mayer, 2022, section 3). Costs
    are those of the attack; one query is the replay.
    """
    samples, labels = run.manifest.selection.samples, run.manifest.selection.labels
    clean = {sample: run.clean(sample) for sample in samples}
    answers = judge.scorer.classes_of([clean[sample] for sample in samples])
    right = {sample for sample, label, said in zip(samples, labels, answers, strict=True) if said == label}
    records = [record for record in run.records() if record.sample in right]
    if not records:
        return []
    images = [run.image(record) for record in records]
    origins = [clean[record.sample] for record in records]
    shown = [origin if image is None else image for origin, image in zip(origins, images, strict=True)]
    bounds = [Bound(record.constraint, record.threshold) for record in records]
    verdict = judge.stored(shown, origins, _goal(records, judge.scorer.device), bounds)
    said = verdict.scores.argmax(1, keepdim=True)
    confidences = verdict.scores.double().softmax(1).gather(1, said)
    found = zip(verdict.success.tolist(), said[:, 0].tolist(), confidences[:, 0].tolist(), strict=True)
    return [_again(*each) for each in zip(records, shown, origins, found, strict=True)]


def _goal(records: Sequence[Record], device: torch.device) -> Goal:
    labels = torch.tensor([record.label for record in records], device=device)
    targets = [record.target for record in records if record.target is not None]
    return Goal(labels, torch.tensor(targets, device=device) if targets else None)


def _again(record: Record, image: UInt8Array, clean: UInt8Array, found: tuple[bool, int, float]) -> Record:
    success, said, confidence = found
    distances = pixel_distances(image, clean)
    return replace(
        record,
        success=success,
        predicted=said if success else record.label,
        confidence=confidence if success else record.clean_confidence,
        queries=record.queries + 1,
        **(distances if success else dict.fromkeys(distances)),
    )
