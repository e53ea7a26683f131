"""18. The images stand for what the model will meet.

D. E. Barton & F. N. David, "Multiple Runs", Biometrika 44, 1957, for the moments of the number of runs; Hendrycks &
Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations", ICLR 2019, for accuracy
under what happens to images by itself.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from math import sqrt
from statistics import fmean
from typing import Any

import numpy as np
import torch
from scipy.stats import chisquare, norm

from pixelproof.corruptions.suites import make, table_for
from pixelproof.data.imageset import Int64Array, UInt8Array
from pixelproof.errors import InputError
from pixelproof.jobs.audit.checkpoint import bars
from pixelproof.jobs.audit.context import BATCH, AuditContext, to_images
from pixelproof.jobs.audit.memory import Memory, memory
from pixelproof.jobs.perturb.measure import AskedImages, cell
from pixelproof.models.query import Scorer
from pixelproof.results.audit.checkpoint import Answer, Remark, summed
from pixelproof.results.audit.power import sign_number
from pixelproof.results.audit.statistics import CONFIDENCE, overstated
from pixelproof.results.intervals import Rate, wilson
from pixelproof.wording import count, percent, plural

_WIDE = 0.1  # width of the 95 % interval of the claimed accuracy that its number of samples may leave
#: One or two of each kind (noise, blur, light, compression, movement), as mild as pass unnoticed in daily use.
_BENIGN = (
    ("gaussian-noise", 1.0),
    ("defocus-blur", 2.0),
    ("brightness", 2.0),
    ("contrast", 2.0),
    ("jpeg-compression", 2.0),
    ("rotation", 10.0),
)
_QUESTIONS = (
    "Do these images stand for what the model will meet, and were none of them, or near copies, trained on?",
    "Were the samples of the claim's evaluation drawn at random from the whole set?",
)


def check(audit: AuditContext) -> Answer:
    """Fails where the model knows the images themselves, which then stand for nothing else.

    Warns of images that are uneven, repeated or too few, and of harm by mere accidents that exceeds the claim's.
    """
    counts = np.bincount(audit.data.labels, minlength=audit.data.classes)
    repeated = duplicates(audit.data.images)
    try:
        rates, why = perturbed(audit), ""
    except InputError as error:
        rates, why = {}, f"Common perturbations could not be measured. {error}"
    known = memory(audit)
    remarks = [
        *_of_memory(known),
        *_of_balance(audit, counts.tolist()),
        *_of_repetition(repeated, len(audit.data)),
        *_of_samples(audit),
        *_of_perturbations(audit.claim.robust_accuracy, rates),
        *_of_order(audit),
        *([Remark("pass", why)] if why else []),
    ]
    numbers = (
        ("Images of a class", f"{count(int(counts.min()))} to {count(int(counts.max()))}"),
        ("Exact duplicates", count(repeated)),
        ("Right as they are", str(known.own)),
        ("Right by the mean of slight shifts, crops and noise", str(known.moved)),
        ("Right as they are alone, and by that mean alone", f"{known.lost} and {known.won}"),
        sign_number(known.images),
        *((f"Right, {name}", str(rate)) for name, rate in rates.items()),
        *([("Mean over the perturbations", percent(_mean(rates)))] if rates else []),
    )
    kept = f"Classes are even and no image is repeated among {count(len(audit.data))}."
    if rates:
        worst = min(_changed(rates), key=lambda name: rates[name].successes)
        kept += f" Under mild perturbations {percent(_mean(rates))} are right on average, {rates[worst]} under {worst}."
    plot = bars(
        "perturbations",
        "Accuracy under common perturbations",
        rates.items(),
        x="Perturbation",
        y="Images right, %",
        caption="Mild severities, with 99 % intervals.",
        rule=(audit.claim.robust_accuracy, "claimed under attack"),
    )
    plots = (plot,) if rates else ()
    return summed(remarks, kept, numbers=numbers, plots=plots, questions=_QUESTIONS)


def _of_memory(known: Memory) -> Iterator[Remark]:
    remedy = "Measure on images that the model cannot hold, and hand over the network that answers about others."
    if known.looks_up:
        yield Remark(
            "fail",
            f"The model looks its images up: noise that nobody sees changes no score of {known.frozen} of "
            f"{known.images} images to the last bit, so what answers is a stored image, not the one that it is shown.",
            remedy,
        )
    if known.remembers:
        yield Remark(
            "fail",
            f"The model remembers the given images: {known.own} are right as they are, and {known.moved} by the mean "
            f"of slight shifts, crops and noise ({known.lost} are right as they are alone, {known.won} by the mean "
            "alone), by which a network that reads pictures answers as well. It was shown the test images, or looks "
            "them up.",
            remedy,
        )


def _changed(rates: Mapping[str, Rate]) -> list[str]:
    return [name for name in rates if name != "none"]


def _mean(rates: Mapping[str, Rate]) -> float:
    return fmean(rates[name].value or 0.0 for name in _changed(rates))


def _of_balance(audit: AuditContext, counts: list[int]) -> Iterator[Remark]:
    absent = counts.count(0)
    if imbalance(audit.data.labels, audit.data.classes) >= 1 - CONFIDENCE:
        return
    text = f"The classes are uneven, with {count(min(counts))} to {count(max(counts))} images"
    yield Remark(
        "warn",
        f"{text}, and {plural(absent, 'class', 'classes')} without any." if absent else f"{text}.",
        "Check that the set is so on purpose, and give the mean over classes beside the accuracy.",
    )


def _of_repetition(repeated: int, images: int) -> Iterator[Remark]:
    if repeated:
        verb = "is a copy" if repeated == 1 else "are copies"
        yield Remark(
            "warn",
            f"Of {count(images)} images {count(repeated)} {verb} of another, so they are not drawn independently.",
            "Leave the copies out, and look for copies of training images likewise.",
        )


def _of_samples(audit: AuditContext) -> Iterator[Remark]:
    samples, claimed = audit.claim.evaluation.samples, audit.claim.robust_accuracy
    if samples is None:
        yield Remark("pass", "The claim does not tell on how many samples its robust accuracy was measured.")
        return
    if samples > (images := len(audit.data)):
        text = f"The claim was measured on {count(samples)} samples, more than the {count(images)} images here."
        yield Remark("pass", text)
    found = wilson(round(claimed / 100 * samples), samples)
    if found.high - found.low > _WIDE:
        yield Remark(
            "warn",
            f"On {count(samples)} samples the claimed {claimed:g} % has a 95 % interval of {found}.",
            "Measure it on more samples, or state the interval with the figure.",
        )


def _of_perturbations(claimed: float, rates: Mapping[str, Rate]) -> Iterator[Remark]:
    below = [name for name in _changed(rates) if overstated(claimed, rates[name])]
    if below:
        worst = min(below, key=lambda name: rates[name].successes)
        yield Remark(
            "warn",
            f"Under {worst} {rates[worst]} are right, fewer than the {claimed:g} % claimed under attack: a mild "
            "accident does more harm than the attacker is said to do.",
            "Say that the claim does not extend to such changes, or include them in the threat model.",
        )


def _of_order(audit: AuditContext) -> Iterator[Remark]:
    if fewer_runs(audit.data.labels) < 1 - CONFIDENCE:
        yield Remark("pass", "The images stand in blocks of a class; this audit draws them at random, as others must.")


def imbalance(labels: Int64Array, classes: int) -> float:
    """The probability of class counts as uneven as those of ``labels`` N, were all ``classes`` equally frequent."""
    return float(chisquare(np.bincount(labels, minlength=classes)).pvalue)


def fewer_runs(labels: Int64Array) -> float:
    """The probability of as few runs of one class as in ``labels`` N, were they shuffled (normal approximation)."""
    n, counts = len(labels), np.unique(labels, return_counts=True)[1].astype(float)
    runs = 1 + int((labels[1:] != labels[:-1]).sum())
    squares, cubes = float((counts**2).sum()), float((counts**3).sum())
    variance = (squares * (squares + n * (n + 1)) - 2 * n * cubes - n**3) / (n**2 * (n - 1)) if n > 1 else 0.0
    if variance <= 0:  # one class, or every image another: there is but one number of runs
        return 1.0
    expected = n + 1 - squares / n
    return float(norm.cdf((runs + 0.5 - expected) / sqrt(variance)))


def duplicates(images: Iterable[UInt8Array]) -> int:
    """How many of ``images``, all H×W×C, equal an earlier one, pixel by pixel."""
    digests = [hashlib.sha256(image.tobytes()).digest() for image in images]
    return len(digests) - len(set(digests))


def perturbed(audit: AuditContext) -> dict[str, Rate]:
    """The images right under each perturbation, and under ``none``, of the first ``effort.perturbed``.

    Raises ``InputError`` for images that cannot be perturbed so.
    """
    found = audit.evidence.memoise("perturbed", lambda: _measured(audit))
    return {name: Rate(right, found["images"]) for name, right in found["right"].items()}


def _measured(audit: AuditContext) -> dict[str, Any]:
    data = audit.data.take(audit.samples.order[: audit.effort.perturbed])
    images = to_images(np.array(data.images), audit.device)
    labels = torch.from_numpy(data.labels.copy()).to(audit.device)
    subject = AskedImages(Scorer(audit.decision.classifier, BATCH, audit.device), images, labels)
    right = {"none": int((subject.answers(subject.images) == labels).sum())}
    for name, strength in _BENIGN:
        seen = cell(subject, make(name, table_for(data.shape)), strength, audit.seed)
        right[f"{name}({strength:g})"] = seen.right(data.labels.tolist()).successes
    return {"images": len(data), "right": right}
