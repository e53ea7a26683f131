"""A classifier laid open to gradient attacks: past what has no gradient, and averaged over what is random."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from torch import Tensor

from pixelproof.defences.adaptive import laid_open
from pixelproof.defences.eot import ExpectedClassifier
from pixelproof.defences.preprocessed import PreprocessedClassifier
from pixelproof.defences.preprocessor import Preprocessor, Seeded, parts
from pixelproof.defences.straight_through import straight_through
from pixelproof.models.classifier import Classifier


class Opened(NamedTuple):
    """``classifier`` as an attacker sees it who knows all of it; ``steps`` say what was done, and are empty where
    nothing had to be. ``passed`` are those steps that stand in for a gradient (BPDA), by name; ``stuck`` what has no
    gradient and could not be passed."""

    classifier: Classifier
    steps: tuple[str, ...]
    passed: tuple[str, ...]
    stuck: tuple[str, ...]


def opened(classifier: Classifier, images: Tensor, *, random: bool, draws: int) -> Opened:
    """``classifier`` with gradients wherever they can be had; ``images`` are a few real ones, N×C×H×W in [0, 1].

    Preprocessing defences are taken as in ``adaptive``; inside a torch module, ``straight_through`` passes layers.
    Where the same images get other answers every time (``random``), scores and gradients are means of ``draws`` (EOT).
    """
    found = _past(classifier, images, draws)
    if not random:
        return found
    steps = (*found.steps, f"EOT over {draws} draws")
    return found._replace(classifier=ExpectedClassifier([found.classifier] * draws), steps=steps)


def _past(classifier: Classifier, images: Tensor, draws: int) -> Opened:
    if not isinstance(classifier, PreprocessedClassifier):
        found, passed, stuck = straight_through(classifier, images)
        return Opened(found, tuple(f"BPDA past {name}" for name in passed), passed, stuck)
    preprocessor = classifier.preprocessor
    steps, _ = parts(preprocessor)
    for step in steps:
        images = step(images)
    inner = _past(classifier.classifier, images, draws)
    passed = tuple(step.name for step in steps if not step.differentiable)
    return Opened(
        laid_open(inner.classifier, preprocessor, draws),
        (*_done(preprocessor, draws), *inner.steps),
        (*passed, *inner.passed),
        inner.stuck,
    )


def _done(preprocessor: Preprocessor, draws: int) -> Iterator[str]:
    steps, outputs = parts(preprocessor)
    for step in steps:
        if not step.differentiable:
            yield f"BPDA past {step.name}"
        if isinstance(step, Seeded):
            yield f"EOT over {draws} draws of {step.name}"
    for output in outputs:
        yield f"scores as they are before {output.name}"
