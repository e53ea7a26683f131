"""Images that were made against a bare model, shown to the same model behind a defence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from pixelproof.data.imageset import UInt8Array
from pixelproof.models.query import Predict
from pixelproof.runs import Record, RunStore
from pixelproof.runs.distances import pixel_distances


def replayed(run: RunStore, predict: Predict) -> list[Record]:
    """The records of ``run`` as they are when its images meet a defended model, which ``predict`` asks.

    Samples that the defended model gets wrong without any attack are left out. The last try at a sample that stood
    firm is shown as well, as the study does whose figures these are (Jankovic & Mayer, 2022, section 3). Costs are
    those of the attack; one query is the replay.
    """
    samples, labels = run.manifest.selection.samples, run.manifest.selection.labels
    clean = {sample: run.clean(sample) for sample in samples}
    answers = predict([clean[sample] for sample in samples]).argmax(1).tolist() if samples else []
    right = {sample for sample, label, said in zip(samples, labels, answers, strict=True) if said == label}
    records = [record for record in run.records() if record.sample in right]
    images = [run.image(record) for record in records]
    shown = [clean[r.sample] if image is None else image for r, image in zip(records, images, strict=True)]
    if not shown:
        return []
    return [
        _again(record, image, clean[record.sample], scores)
        for record, image, scores in zip(records, shown, predict(shown), strict=True)
    ]


def _again(record: Record, image: UInt8Array, clean: UInt8Array, scores: npt.NDArray[np.float64]) -> Record:
    said = int(scores.argmax())
    success = said != record.label if record.target is None else said == record.target
    distances = pixel_distances(image, clean)
    return replace(
        record,
        success=success,
        predicted=said if success else record.label,
        confidence=float(scores[said]) if success else record.clean_confidence,
        queries=record.queries + 1,
        **(distances if success else dict.fromkeys(distances)),
    )
