"""Checks every claim of a run from its stored images and the model, with none of the code that attacked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pixelproof.data.imageset import ImageSet, UInt8Array
from pixelproof.data.order import consideration_order
from pixelproof.errors import RunError
from pixelproof.runs.distances import pixel_distances
from pixelproof.runs.identity import run_identity
from pixelproof.runs.record import UNLEVELLED, Manifest, Record
from pixelproof.runs.store import RunStore, describe

#: Probabilities N×K in full precision of N uint8 images H×W×C.
Predict = Callable[[list[UInt8Array]], npt.NDArray[np.float64]]

#: The distance that each attack promises to keep to its threshold.
BOUNDED = {"few-pixel": "l0", "threshold": "linf"}
#: Distances are whole numbers, but for the root of L2.
DISTANCE_TOLERANCE = 1e-4
#: Confidences are compared to this absolute tolerance, as another device computes other last digits.
CONFIDENCE_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Verification:
    """What was checked and which claims do not hold, one sentence each; ``problems`` is empty when all hold."""

    records: int
    images: int
    problems: tuple[str, ...]
    unchecked: tuple[str, ...]

    @property
    def holds(self) -> bool:
        return not self.problems


def verify(run: RunStore, predict: Predict, fingerprint: str, data: ImageSet | None) -> Verification:
    """Compute again what ``run`` claims.

    ``predict`` and ``fingerprint`` belong to the model; ``data`` is the data in range, or None when it is not at
    hand, which is then said in ``unchecked``.
    """
    manifest, records = run.manifest, run.records()
    successes = [r for r in records if r.success]
    problems: list[str] = []
    try:
        problems += run.altered()
        problems += _identity(manifest, fingerprint, data)
        problems += _completeness(manifest, records)
        if data is not None and data.content_hash == manifest.data.sha256:
            problems += _clean_images(run, manifest, data)
            problems += _selection(manifest, data, predict)
        budgets = {each["search"]: (each["norm"], each["epsilon"]) for each in manifest.settings.get("attacks", ())}
        for record in records:
            problems += _record(run, record, budgets)
        problems += _clean_predictions(run, manifest, predict)
        problems += _adversarial_predictions(run, successes, predict)
    except RunError as error:  # an image is gone or damaged: what comes after it cannot be checked
        problems.append(str(error))
    return Verification(len(records), len(successes), tuple(dict.fromkeys(problems)), tuple(_unchecked(manifest, data)))


def _unchecked(manifest: Manifest, data: ImageSet | None) -> list[str]:
    texts = [] if data is not None else ["The data is not at hand: clean images and labels are as stored."]
    if manifest.status != "finished":
        texts.append("The run is not finished: what is still missing claims nothing.")
    return texts


def _identity(manifest: Manifest, fingerprint: str, data: ImageSet | None) -> list[str]:
    problems = []
    if fingerprint != manifest.model.fingerprint:
        problems.append("The model is not the one of the run: its fingerprint differs.")
    if data is not None and data.content_hash != manifest.data.sha256:
        problems.append("The data is not that of the run: its content hash differs.")
    model = manifest.model
    if run_identity(manifest.settings, model.fingerprint, model.kind, manifest.data.sha256) != manifest.identity:
        problems.append("The run's identity does not follow from its settings, model and data.")
    return problems


def _completeness(manifest: Manifest, records: list[Record]) -> list[str]:
    labels = dict(zip(manifest.selection.samples, manifest.selection.labels, strict=True))
    try:
        searches = [(s["attack"], s["search"], s["threshold"]) for s in manifest.settings["searches"]]
        searches += [(s["attack"], s["search"], UNLEVELLED) for s in manifest.settings["attacks"]]
    except (KeyError, TypeError):
        return ["The settings of the run cannot be read."]
    wanted = {(sample, *search) for sample in labels for search in searches}
    found = {(r.sample, r.attack, r.search, r.threshold) for r in records}
    problems = [
        f"Sample {key[0]}, {key[1]}, th = {key[3]} has a record but was not asked for." for key in found - wanted
    ]
    if manifest.status == "finished":
        problems += [f"Sample {key[0]}, {key[1]}, th = {key[3]} has no record." for key in wanted - found]
    problems += [
        f"The label of {describe(r)} is not that of the selection." for r in records if labels.get(r.sample) != r.label
    ]
    aimed = manifest.settings.get("target", "none") != "none"
    problems += [
        f"The target of {describe(r)} is not that of the settings." for r in records if (r.target is not None) != aimed
    ]
    return sorted(problems)


def _clean_images(run: RunStore, manifest: Manifest, data: ImageSet) -> list[str]:
    where = {int(index): k for k, index in enumerate(data.indices)}
    problems = []
    for sample, label in zip(manifest.selection.samples, manifest.selection.labels, strict=True):
        k = where.get(sample)
        if k is None or not np.array_equal(run.clean(sample), data.images[k]) or int(data.labels[k]) != label:
            problems.append(f"The clean image or the label of sample {sample} is not that of the data.")
    return problems


def _selection(manifest: Manifest, data: ImageSet, predict: Predict) -> list[str]:
    """The samples are all the usable ones of the images considered, which the robust accuracy is a share of."""
    chosen, settings = manifest.selection, manifest.settings
    order = consideration_order(data.labels, settings.get("shuffle"), str(settings.get("target")))
    positions = order[: chosen.considered]
    right = predict([data.images[k] for k in positions]).argmax(1) == data.labels[positions]
    usable = [k for k, yes in zip(positions.tolist(), right, strict=True) if yes]
    complete = chosen.considered == len(order) or usable[-1:] == positions[-1:].tolist()
    if tuple(int(data.indices[k]) for k in usable) == chosen.samples and complete:
        return []
    return [f"The samples are not {chosen.rule}, with {chosen.considered} images considered."]


def _clean_predictions(run: RunStore, manifest: Manifest, predict: Predict) -> list[str]:
    samples, labels = manifest.selection.samples, manifest.selection.labels
    predicted = predict([run.clean(sample) for sample in samples]).argmax(1)
    return [
        f"The model does not classify the clean sample {sample} as its label {label}."
        for sample, label, found in zip(samples, labels, predicted, strict=True)
        if found != label
    ]


def _record(run: RunStore, record: Record, budgets: dict[str, tuple[str | None, float | None]]) -> list[str]:
    """What can be said of one record without the model."""
    image = run.adversarial(record)
    if not record.success:
        stray = (image is not None and record.levelled) or record.l0 is not None
        return [f"No success is claimed of {describe(record)}, yet an image or a distance is stored."] if stray else []
    if image is None:
        return [f"A success is claimed of {describe(record)}, but no image is stored."]
    known = record.search in budgets if not record.levelled else record.attack in BOUNDED
    if not known:
        return [f"What {describe(record)} promises is not known, as there is no such attack."]
    distances = pixel_distances(image, run.clean(record.sample))
    problems = []
    if any(getattr(record, name) != value for name, value in distances.items()):
        problems.append(f"The distances of {describe(record)} are not those of the stored images.")
    norm, most = (BOUNDED[record.attack], record.threshold) if record.levelled else budgets[record.search]
    if norm is not None and most is not None and distances[norm] > most + DISTANCE_TOLERANCE:
        limit = "threshold" if record.levelled else "budget"
        problems.append(f"The image of {describe(record)} breaks its {limit}.")
    right = record.predicted == record.target if record.target is not None else record.predicted != record.label
    if not right:
        problems.append(f"The predicted class of {describe(record)} is no success.")
    return problems


def _adversarial_predictions(run: RunStore, successes: list[Record], predict: Predict) -> list[str]:
    pairs = [(r, image) for r in successes if (image := run.adversarial(r)) is not None]
    if not pairs:
        return []
    problems = []
    for (record, _), row in zip(pairs, predict([image for _, image in pairs]), strict=True):
        if int(row.argmax()) != record.predicted:
            problems.append(f"The model does not answer {record.predicted} to the image of {describe(record)}.")
        elif not abs(row[record.predicted] - record.confidence) <= CONFIDENCE_TOLERANCE:  # NaN fails too
            problems.append(f"The confidence of {describe(record)} is not what the model answers.")
    return problems
