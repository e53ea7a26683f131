"""The CLEVER score: how far an image is from the nearest one of another class, estimated from gradients around it.

Weng, Zhang, Chen, Yi, Su, Gao, Hsieh & Daniel, "Evaluating the Robustness of Neural Networks: An Extreme Value Theory
Approach", ICLR 2018. It is an estimate, not a bound, and blind where gradients are masked (Goodfellow, "Gradient
Masking Causes CLEVER to Overestimate Adversarial Perturbation Size", arXiv:1804.07870, 2018): such images get a
finding in place of a score.
"""

import hashlib
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from math import isfinite, log

import numpy as np
import torch
from torch import Tensor

from pixelproof.attacks.norm_ball import Norm
from pixelproof.attacks.oracle import Oracle
from pixelproof.errors import InputError
from pixelproof.jobs.clever.extreme_value import Float64Array, fit_reverse_weibull
from pixelproof.jobs.clever.gradient_norms import largest_gradient_norms
from pixelproof.models.classifier import Classifier
from pixelproof.models.query import ask
from pixelproof.models.scores import FLOOR, log_scores, resolve_kind
from pixelproof.runs.record import Finding
from pixelproof.seeds import Streams, stream
from pixelproof.wording import meant

#: Radii in grey levels where none is given: 40, 2 and 0.1 in images of [0, 1]. Jankovic & Mayer (2022) use the 2.
RADII: dict[Norm, float] = {"l1": 10_200, "l2": 510, "linf": 25.5}
_CURVE = 10  # points of the convergence curve, at most


@dataclass(frozen=True)
class CleverScore:
    """The score of one image, in grey levels (1/255) of the norm, as are ``scores``, ``curve`` and the radius.

    ``score`` is the least of ``scores``, those of each class compared with ``label``; ``nearest`` is the class that has
    it. ``lipschitz`` is the largest slope of each margin, in log-score a grey level: the end of the distribution
    fitted. ``curve`` tells the score after so many batches. Where CLEVER is ``meaningful`` for the image ``finding`` is
    None; where it is not, ``finding`` says why, ``score`` and ``nearest`` are None and the rest is empty.
    """

    label: int
    score: float | None
    nearest: int | None
    scores: Mapping[int, float]
    lipschitz: Mapping[int, float]
    curve: tuple[tuple[int, float], ...]
    queries: int
    gradient_steps: int
    finding: Finding | None = None

    @property
    def meaningful(self) -> bool:
        return self.finding is None


def clever(
    classifier: Classifier,
    images: Tensor,
    labels: Tensor,
    *,
    norm: Norm = "l2",
    radius: float | None = None,
    batches: int = 50,
    samples: int = 100,
    targets: Tensor | None = None,
    seed: int = 0,
    batch_size: int = 64,
) -> list[CleverScore]:
    """The CLEVER score of each of ``images``, float32 N×C×H×W in [0, 1], looked at as they are, not rounded to 8 bits.

    ``labels``: N integers, the classes that the images belong to; one that is classified otherwise has the score 0.
    ``targets``: N integers, to measure the distance to one class each; None: to the nearest of all others. Random
    points are drawn, ``batches`` × ``samples``, in the ball of ``radius`` grey levels of ``norm``, which no score
    exceeds (None: see ``RADII``). They depend on the image and ``seed`` alone. ``batch_size`` images are asked about
    at once. Raises ``InputError`` for what cannot be done.
    """
    scoring = clever_by_parts(
        classifier,
        images,
        labels,
        norm=norm,
        radius=radius,
        batches=batches,
        samples=samples,
        targets=targets,
        seed=seed,
        batch_size=batch_size,
    )
    while True:
        try:
            next(scoring)
        except StopIteration as end:
            scores: list[CleverScore] = end.value
            return scores


def clever_by_parts(
    classifier: Classifier,
    images: Tensor,
    labels: Tensor,
    *,
    norm: Norm,
    radius: float | None,
    batches: int,
    samples: int,
    targets: Tensor | None,
    seed: int,
    batch_size: int,
) -> Generator[float, None, list[CleverScore]]:
    """``clever`` piece by piece: yields the share done, and returns the scores in the end."""
    radius = default_radius(norm) if radius is None else radius
    check_numbers(norm, radius, batches, samples)
    _check_images(images, labels, targets)
    scores, differentiable = _answers(classifier, images, batch_size)
    classes = _compared(labels, targets, scores.shape[1])
    kind = resolve_kind(classifier, scores)
    logs = log_scores(scores, kind).double().gather(1, classes)
    margins = (logs[:, :1] - logs[:, 1:]).cpu().numpy()  # g(x₀), N×k
    oracle = Oracle(classifier, batch_size, images.device, len(images), eight_bit=False, finite=False)
    oracle.queries += 1
    if kind == "labels" or not differentiable:
        blind = _without_gradients(classifier, kind == "labels")
        return [_meaningless(label, blind, oracle, row) for row, label in enumerate(labels.tolist())]
    drawn = Streams([_stream(image, seed) for image in images], images.device)
    maxima = yield from largest_gradient_norms(oracle, images, classes, norm, radius, batches, samples, drawn)
    slopes = maxima.double().cpu().numpy() / 255  # a grey level, N×k×batches
    hidden = (logs <= log(FLOOR)).any(1).tolist() if kind == "probabilities" else [False] * len(images)
    found = []
    for row, compared in enumerate(classes.tolist()):
        finding = _finding(margins[row], slopes[row], hidden[row], batches * samples)
        if finding is None:
            found.append(_score(compared, margins[row], slopes[row], radius, oracle, row))
        else:
            found.append(_meaningless(compared[0], finding, oracle, row))
    return found


def default_radius(norm: Norm) -> float:
    """In grey levels. Raises ``InputError`` for an unknown norm."""
    if norm not in RADII:
        raise InputError(f"The norm {norm!r} is not known{meant(norm, RADII)}; expected one of {', '.join(RADII)}.")
    return RADII[norm]


def _score(
    classes: list[int], margins: Float64Array, slopes: Float64Array, radius: float, oracle: Oracle, row: int
) -> CleverScore:
    """Of one image: ``classes`` c and the k compared, ``margins`` k, ``slopes`` k×batches."""
    counts = sorted({max(2, round(slopes.shape[1] * (k + 1) / _CURVE)) for k in range(_CURVE)})
    curve = []
    for count in counts:
        lipschitz = fit_reverse_weibull(slopes[:, :count]).location
        scores = np.clip(margins / lipschitz, 0, radius)  # eq. (4) and line 11 of algorithm 1
        curve.append((count, float(scores.min())))
    others = classes[1:]
    return CleverScore(
        label=classes[0],
        score=float(scores.min()),
        nearest=others[int(scores.argmin())],
        scores=dict(zip(others, scores.tolist(), strict=True)),
        lipschitz=dict(zip(others, lipschitz.tolist(), strict=True)),
        curve=tuple(curve),
        queries=int(oracle.queries[row]),
        gradient_steps=int(oracle.gradient_steps[row]),
    )


def _meaningless(label: int, finding: Finding, oracle: Oracle, row: int) -> CleverScore:
    return CleverScore(
        label, None, None, {}, {}, (), int(oracle.queries[row]), int(oracle.gradient_steps[row]), finding
    )


def _finding(margins: Float64Array, slopes: Float64Array, hidden: bool, points: int) -> Finding | None:
    """Why CLEVER says nothing about an image with these ``margins`` k and ``slopes`` k×batches; None where it does."""
    if not (np.isfinite(margins).all() and np.isfinite(slopes).all()):
        return Finding("not-finite", "warning", "Scores or gradients are NaN or infinite, so there is no CLEVER score.")
    flat = int((slopes == 0).all(1).sum())
    if flat:
        text = (
            f"The gradient is zero at all {points:,} points for {flat} of {len(slopes)} classes, as where inputs are "
            "rounded or scores saturate, so CLEVER would say nothing but the radius."
        )
        return Finding("zero-gradient", "warning", text)
    if hidden:
        text = "A probability is 0 in float32, so the margin is not known; hand over a model that gives logits."
        return Finding("saturated", "warning", text)
    return None


def _without_gradients(classifier: Classifier, labels: bool) -> Finding:
    if labels:
        text = f"{classifier.name} answers with labels, or probabilities of just 0 and 1, so there is no CLEVER score."
        return Finding("labels-only", "warning", text)
    text = f"{classifier.name} gives no gradients, so there is no CLEVER score."
    return Finding("no-gradient", "warning", text)


def _answers(classifier: Classifier, images: Tensor, batch_size: int) -> tuple[Tensor, bool]:
    """The scores N×K of ``images``, and whether gradients flow from them."""
    parts, differentiable = [], classifier.differentiable
    for chunk in torch.split(images.detach(), batch_size):
        with torch.set_grad_enabled(differentiable):
            seen = chunk.clone().requires_grad_(differentiable)
            scores = ask(classifier, seen)
        differentiable = differentiable and _flows(scores, seen)
        parts.append(scores.detach())
    return torch.cat(parts), differentiable


def _flows(scores: Tensor, images: Tensor) -> bool:
    """Whether gradients of ``scores`` reach ``images``, rather than end at the weights."""
    if not scores.requires_grad:
        return False
    return torch.autograd.grad(scores.sum(), images, allow_unused=True)[0] is not None


def _compared(labels: Tensor, targets: Tensor | None, classes: int) -> Tensor:
    """Integers N×(1 + k): each label, then the classes it is compared with."""
    largest = max(int(labels.max()), 0 if targets is None else int(targets.max()))
    if largest >= classes:
        raise InputError(f"The model has the classes 0..{classes - 1}, so {largest} cannot be a label or a target.")
    if targets is not None:
        return torch.stack([labels, targets], 1)
    every = torch.arange(classes, device=labels.device).expand(len(labels), -1)
    return torch.cat([labels[:, None], every[every != labels[:, None]].view(len(labels), -1)], 1)


def _stream(image: Tensor, seed: int) -> torch.Generator:
    content = np.ascontiguousarray(image.detach().cpu().numpy())
    return stream(torch.device("cpu"), "clever", seed, hashlib.sha256(content.data).hexdigest())


def check_numbers(norm: Norm, radius: float, batches: int, samples: int) -> None:
    """Raise ``InputError`` for what cannot be parameters of CLEVER."""
    default_radius(norm)
    if not (isfinite(radius) and radius > 0):
        raise InputError(f"A radius above 0 was expected, not {radius:g}; it is in grey levels, so 510 is 2.0 × 255.")
    if batches < 2 or samples < 1:
        raise InputError(
            f"At least 2 batches of 1 sample were expected, not {batches} of {samples}; 50 of 100 are usual."
        )


def _check_images(images: Tensor, labels: Tensor, targets: Tensor | None) -> None:
    if images.ndim != 4 or not images.is_floating_point() or not len(images):
        raise InputError(f"Images must be floats N×C×H×W, not {images.dtype} of shape {tuple(images.shape)}.")
    if not bool(((images >= 0) & (images <= 1)).all()):
        raise InputError("Images must lie in [0, 1]; normalisation belongs inside the model.")
    for name, classes in (("labels", labels), ("targets", targets)):
        if classes is None:
            continue
        if classes.shape != images.shape[:1] or classes.dtype != torch.int64 or int(classes.min()) < 0:
            raise InputError(
                f"The {name} must be {len(images)} int64 class numbers, not {classes.dtype} of {tuple(classes.shape)}."
            )
    if targets is not None and bool((targets == labels).any()):
        raise InputError("A target is the label of its image; aim at another class.")
