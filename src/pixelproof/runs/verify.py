"""Checks every claim of a run from its stored images and the model, with none of the code that attacked."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pixelproof.data.imageset import ImageSet, UInt8Array
from pixelproof.data.order import consideration_order
from pixelproof.errors import RunError
from pixelproof.runs.distances import pixel_distances
from pixelproof.runs.identity import run_identity
from pixelproof.runs.record import NORM_OF, PROOFS, Certificate, Manifest, Record, by_sample, nearest
from pixelproof.runs.store import RunStore
from pixelproof.runs.verify_shares import shares

#: Probabilities N×K in full precision of N uint8 images H×W×C.
Predict = Callable[[list[UInt8Array]], npt.NDArray[np.float64]]
#: Why a certificate does not prove that the model gives a uint8 image H×W×C and all around it that label; else None.
Check = Callable[[Certificate, UInt8Array, int], str | None]

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


def verify(
    run: RunStore, predict: Predict, fingerprint: str, data: ImageSet | None, check: Check | None = None
) -> Verification:
    """Compute again what ``run`` claims.

    ``predict``, ``fingerprint`` and ``check``, of certificates, belong to the model; ``data`` is the data in range, or
    None when it is not at hand. What is missing of these is said in ``unchecked``.
    """
    manifest = run.manifest
    problems: list[str] = []
    try:
        problems += run.altered()
        problems += _identity(manifest, fingerprint, data)
        if data is not None and data.content_hash == manifest.data.sha256:
            problems += _clean_images(run, manifest, data)
        if manifest.job == "assess":
            problems += _of_attacks(run, manifest, predict, data)
            problems += _certificates(run, manifest, check)
            problems += shares(run)
        else:
            problems += _steps(run, manifest)
    except RunError as error:  # an image is gone or damaged: what comes after it cannot be checked
        problems.append(str(error))
    records, images = run.sizes()
    return Verification(records, images, tuple(dict.fromkeys(problems)), tuple(_unchecked(run, data, check)))


def _of_attacks(run: RunStore, manifest: Manifest, predict: Predict, data: ImageSet | None) -> list[str]:
    records = run.records()
    problems = _completeness(manifest, records)
    if data is not None and data.content_hash == manifest.data.sha256:
        problems += _selection(manifest, data, predict)
    for record in records:
        problems += _record(run, record)
    problems += _clean_predictions(run, manifest, predict)
    return problems + _adversarial_predictions(run, [r for r in records if r.success], predict)


def _steps(run: RunStore, manifest: Manifest) -> list[str]:
    """Whether a finished run of steps has them all, and no others."""
    planned, done = set(manifest.details.get("steps", ())), run.steps()
    problems = [f"The step {step} is there but was not planned." for step in sorted(done - planned)]
    if manifest.status == "finished":
        problems += [f"The step {step} is missing." for step in sorted(planned - done)]
    return problems


def _unchecked(run: RunStore, data: ImageSet | None, check: Check | None) -> list[str]:
    texts = [] if data is not None else ["The data is not at hand: clean images and labels are as stored."]
    if check is None and _proved(run):
        texts.append("The certificates are as stored, as no checker is at hand.")
    if run.manifest.status != "finished":
        texts.append("The run is not finished: what is still missing claims nothing.")
    return texts


def _identity(manifest: Manifest, fingerprint: str, data: ImageSet | None) -> list[str]:
    problems = []
    if fingerprint != manifest.model.fingerprint:
        problems.append("The model is not the one of the run: its fingerprint differs.")
    if data is not None and data.content_hash != manifest.data.sha256:
        problems.append("The data is not that of the run: its content hash differs.")
    model = manifest.model
    if (
        run_identity(manifest.job, manifest.settings, model.fingerprint, model.kind, manifest.data.sha256)
        != manifest.identity
    ):
        problems.append("The run's identity does not follow from its settings, model and data.")
    return problems


def _completeness(manifest: Manifest, records: list[Record]) -> list[str]:
    labels = dict(zip(manifest.selection.samples, manifest.selection.labels, strict=True))
    try:
        searches = [(s["constraint"], s["threshold"], s["method"], "") for s in manifest.settings["searches"]]
        searches += [(a["norm"], a["epsilon"], *Record.parts(a["spec"])) for a in manifest.settings["attacks"]]
    except (KeyError, TypeError):
        return ["The settings of the run cannot be read."]
    wanted = {(sample, *search) for sample in labels for search in searches}
    found = {(r.sample, r.constraint, r.threshold, r.method, r.parameters) for r in records if not r.by_proof}
    problems = [f"{_place(key)} has a record but was not asked for." for key in found - wanted]
    if manifest.status == "finished":
        problems += [f"{_place(key)} has no record." for key in wanted - found]
    problems += [f"The label of {r} is not that of the selection." for r in records if labels.get(r.sample) != r.label]
    aimed = manifest.settings.get("target", "none") != "none"
    problems += [f"The target of {r} is not that of the settings." for r in records if (r.target is not None) != aimed]
    return sorted(problems)


# Certificates.


def _certificates(run: RunStore, manifest: Manifest, check: Check | None) -> list[str]:
    labels = dict(zip(manifest.selection.samples, manifest.selection.labels, strict=True))
    certificates = run.certificates()
    problems = _planned(run, manifest, certificates) + _contradictions(run.records(), certificates)
    for certificate in certificates:
        label = labels.get(certificate.sample)
        if certificate.proved == bool(certificate.reason) or certificate.proved != bool(certificate.body):
            problems.append(f"The certificate of {certificate} says both that it proves and that it does not.")
        elif certificate.proved and label is not None and check is not None:
            reason = check(certificate, run.clean(certificate.sample), label)
            problems += [] if reason is None else [f"The certificate of {certificate} does not hold: {reason}."]
    return problems


def _planned(run: RunStore, manifest: Manifest, certificates: list[Certificate]) -> list[str]:
    """There is what was to be proved, at each level up to where a sample is broken or open, and nothing else."""
    records, samples = run.records(), manifest.selection.samples
    levels = [(str(method), str(constraint), threshold) for method, constraint, threshold in _levels(manifest)]
    known: dict[tuple[int, str, str, float], Certificate] = {
        (c.sample, c.method, c.constraint, c.threshold): c for c in certificates
    }
    proofs = [(r.sample, r.method, r.constraint, r.threshold, r) for r in records if r.by_proof]
    wanted = {(sample, *level) for level in levels for sample in samples}
    problems = [f"The certificate of {known[key]} was not asked for." for key in known.keys() - wanted]
    problems += [f"{record} has a record but was not asked for." for *key, record in proofs if tuple(key) not in wanted]
    if manifest.status != "finished":
        return problems
    found = by_sample(records)
    for sample in samples:
        for constraint in dict.fromkeys(constraint for _, constraint, _ in levels):
            for level in sorted((e for e in levels if e[1] == constraint), key=lambda level: level[2]):
                certificate = known.get((sample, *level))
                if certificate is None and nearest(found[sample], constraint) > level[2]:
                    problems.append(f"Sample {sample}, {constraint} {level[2]:g}, {level[0]}, has no certificate.")
                if certificate is None or not certificate.proved:
                    break
    return problems


def _contradictions(records: list[Record], certificates: list[Certificate]) -> list[str]:
    found = by_sample(records)
    return [
        f"The certificate of {certificate} says that no image within it is answered otherwise, yet {record} is one."
        for certificate in certificates
        if certificate.proved
        for record in found[certificate.sample]
        if record.distance(certificate.constraint) <= certificate.threshold
    ]


def _levels(manifest: Manifest) -> list[tuple[str, str, float]]:
    """Method, constraint and threshold of what was to be proved."""
    planned = manifest.details.get("certify", [])
    right = isinstance(planned, list) and all(
        isinstance(each, list) and len(each) == 3 and each[0] in PROOFS and each[1] in NORM_OF for each in planned
    )
    return [(method, constraint, threshold) for method, constraint, threshold in planned] if right else []


def _proved(run: RunStore) -> bool:
    try:
        return any(certificate.proved for certificate in run.certificates())
    except RunError:
        return False


def _place(key: tuple[int, str | None, float | None, str, str]) -> str:
    sample, constraint, threshold, method, _ = key
    limit = "" if constraint is None or threshold is None else f", {constraint} {threshold:g}"
    return f"Sample {sample}{limit}, {method},"


def _clean_images(run: RunStore, manifest: Manifest, data: ImageSet) -> list[str]:
    where, kept = {int(index): k for k, index in enumerate(data.indices)}, run.kept()
    problems = []
    for sample, label in zip(manifest.selection.samples, manifest.selection.labels, strict=True):
        k = where.get(sample)
        same = k is not None and (sample not in kept or np.array_equal(run.clean(sample), data.images[k]))
        if k is None or not same or int(data.labels[k]) != label:
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


def _record(run: RunStore, record: Record) -> list[str]:
    """What can be said of one record without the model."""
    image = run.image(record)
    if not record.success:
        stray = (image is not None and record.levelled) or record.l0 is not None
        return [f"No success is claimed of {record}, yet an image or a distance is stored."] if stray else []
    if image is None:
        return [f"A success is claimed of {record}, but no image is stored."]
    distances = pixel_distances(image, run.clean(record.sample))
    problems = []
    if any(getattr(record, name) != value for name, value in distances.items()):
        problems.append(f"The distances of {record} are not those of the stored images.")
    if record.constraint is not None:
        norm = NORM_OF.get(record.constraint)
        if norm is None or record.threshold is None:
            return [*problems, f"What {record} promises is not known, as there is no such constraint."]
        if distances[norm] > record.threshold + DISTANCE_TOLERANCE:
            problems.append(f"The image of {record} breaks its {'threshold' if record.levelled else 'budget'}.")
    right = record.predicted == record.target if record.target is not None else record.predicted != record.label
    if not right:
        problems.append(f"The predicted class of {record} is no success.")
    return problems


def _adversarial_predictions(run: RunStore, successes: list[Record], predict: Predict) -> list[str]:
    pairs = [(r, image) for r in successes if (image := run.image(r)) is not None]
    if not pairs:
        return []
    problems = []
    for (record, _), row in zip(pairs, predict([image for _, image in pairs]), strict=True):
        if int(row.argmax()) != record.predicted:
            problems.append(f"The model does not answer {record.predicted} to the image of {record}.")
        elif not abs(row[record.predicted] - record.confidence) <= CONFIDENCE_TOLERANCE:  # NaN fails too
            problems.append(f"The confidence of {record} is not what the model answers.")
    return problems
