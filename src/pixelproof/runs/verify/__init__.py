"""Checks what a run says by what it keeps and by the model's answers, with none of the code that attacked."""

from collections.abc import Iterator

import numpy as np

from pixelproof.data.imageset import ImageSet
from pixelproof.errors import RunError
from pixelproof.runs.identity import run_identity
from pixelproof.runs.record import Manifest
from pixelproof.runs.store import RunStore
from pixelproof.runs.verify.answers import Predict
from pixelproof.runs.verify.certificates import Check, certificate_problems
from pixelproof.runs.verify.records import record_problems
from pixelproof.runs.verify_shares import shares

__all__ = ["Check", "Predict", "problems_of"]


def problems_of(
    run: RunStore, predict: Predict | None = None, data: ImageSet | None = None, check: Check | None = None
) -> Iterator[str]:
    """What does not hold of ``run``, one sentence each; nothing is kept in memory of one sample or the next.

    ``predict`` and ``check``, of certificates, belong to the model; ``data`` is the data in range. What depends on one
    that is None is not looked at.
    """
    manifest = run.manifest
    try:
        yield from run.altered()
        yield from _identity(manifest)
        if data is not None:
            yield from _clean_images(run, manifest, data)
        if manifest.job == "assess":
            yield from record_problems(run, manifest, predict)
            yield from certificate_problems(run, manifest, check)
            yield from shares(run)
        else:
            yield from _steps(run, manifest)
    except RunError as error:  # an image is gone or damaged: what comes after it cannot be checked
        yield str(error)


def _identity(manifest: Manifest) -> Iterator[str]:
    model, data = manifest.model, manifest.data
    if run_identity(manifest.job, manifest.settings, model.fingerprint, model.kind, data.sha256) != manifest.identity:
        yield "The run's identity does not follow from its settings, model and data."
    chosen = manifest.selection
    if not chosen.considered <= data.images or len(set(chosen.samples)) != len(chosen.samples):
        yield "The selection of samples cannot be one of these data."


def _steps(run: RunStore, manifest: Manifest) -> Iterator[str]:
    """Whether a finished run of steps has them all, and no others."""
    planned, done = set(manifest.details.get("steps", ())), run.steps()
    for step in sorted(done - planned):
        yield f"The step {step} is there but was not planned."
    for step in sorted(planned - done):
        if manifest.status == "finished":
            yield f"The step {step} is missing."


def _clean_images(run: RunStore, manifest: Manifest, data: ImageSet) -> Iterator[str]:
    chosen = manifest.selection
    wanted, kept = set(chosen.samples), run.kept()
    where = {index: k for k, index in enumerate(data.indices.tolist()) if index in wanted}
    for sample, label in zip(chosen.samples, chosen.labels, strict=True):
        k = where.get(sample)
        same = k is not None and (sample not in kept or np.array_equal(run.clean(sample), data.images[k]))
        if k is None or not same or int(data.labels[k]) != label:
            yield f"The clean image or the label of sample {sample} is not that of the data."
