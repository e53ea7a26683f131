"""A model against the stored images of finished runs: what it certainly gets wrong, in seconds."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np

from pixelproof.data import ImageSet
from pixelproof.errors import InputError
from pixelproof.jobs.assess import choose_device
from pixelproof.jobs.preflight import preflight
from pixelproof.models import Classifier
from pixelproof.models.query import VERIFY_ROWS, VERIFY_ROWS_ELSEWHERE, predictor
from pixelproof.plans.study.transfer import Source, merged, show, source_of
from pixelproof.results.study import Assessed, FastRow, fast_rows
from pixelproof.runs import Finding, RunStore


def fast_assessment(
    folders: Sequence[Path], classifier: Classifier, device: str = "auto"
) -> tuple[list[FastRow], tuple[Finding, ...]]:
    """Rows by norm and threshold of what the images of the runs in ``folders`` fool; what the preflight noticed.

    ``classifier`` is first looked at with their clean images. Raises ``InputError`` when a run holds no image that
    fools, when runs are over different data, or when the model cannot be used with them.
    """
    with ExitStack() as stack:
        runs = [stack.enter_context(RunStore.open(folder)) for folder in folders]
        sources = merged(source_of(run, Assessed.of(run.manifest, ()).label) for run in runs)
        names, data_name = runs[0].manifest.data.class_names, runs[0].manifest.data.name
    if not any(source.stored for source in sources):
        raise InputError(f"{', '.join(map(str, folders))}: no run found an adversarial image; take one that did.")
    where = choose_device(device)
    rows = VERIFY_ROWS.get(where.type, VERIFY_ROWS_ELSEWHERE)
    noticed = preflight(classifier, _clean(sources, names, data_name), batch_size=rows, device=where).findings
    target = classifier.name
    apart = [_apart(source, target) for source in sources]
    shown = show(apart, predictor(classifier, where))
    answers = {(label, target, attack): found for (label, attack), found in shown.answers.items()}
    return fast_rows(target, answers, [sample for sample, right in shown.right.items() if right]), noticed


def _apart(source: Source, target: str) -> Source:
    """``source`` under a label that is not the target's: here a model's own images count as well."""
    return replace(source, label=f"{source.label} (its own)") if source.label == target else source


def _clean(sources: Sequence[Source], class_names: tuple[str, ...], name: str) -> ImageSet:
    images = {sample: image for source in sources for sample, image in source.clean.items()}
    labels = {sample: label for source in sources for sample, label in source.labels.items()}
    samples = sorted(images)
    return ImageSet(
        np.stack([images[sample] for sample in samples]),
        np.array([labels[sample] for sample in samples]),
        class_names,
        name,
        np.array(samples),
    )
