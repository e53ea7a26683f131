"""A classifier laid open to gradient attacks: past what has no gradient, and averaged over what is random."""

from __future__ import annotations

from dataclasses import dataclass

from pixelproof.defences.adaptive import adaptive
from pixelproof.defences.eot import ExpectedClassifier
from pixelproof.defences.preprocessed import PreprocessedClassifier
from pixelproof.defences.straight_through import straight_through
from pixelproof.models.classifier import Classifier


@dataclass(frozen=True, eq=False)
class Opened:
    """``classifier`` as an attacker sees it who knows all of it; ``steps`` say what was done, and are empty where
    nothing had to be."""

    classifier: Classifier
    steps: tuple[str, ...]


def opened(classifier: Classifier, *, random: bool, draws: int) -> Opened:
    """``classifier`` with gradients wherever they can be had.

    Behind defences that are spelled, those are taken as in ``adaptive``. In a torch module, layers that keep the shape
    of their input and let no gradient through are passed straight (BPDA with the identity). Where the same images get
    other answers every time (``random``), scores and gradients are means of ``draws`` (EOT).
    """
    steps: list[str] = []
    if isinstance(classifier, PreprocessedClassifier):
        spelling = classifier.preprocessor.spelling
        inner, passed = straight_through(classifier.classifier)
        found = adaptive(inner, spelling, draws)
        steps.append(f"adaptive against {spelling}")
    else:
        found, passed = straight_through(classifier)
    steps += [f"BPDA past {name}" for name in passed]
    if random:
        found = ExpectedClassifier([found] * draws)
        steps.append(f"EOT over {draws} draws")
    return Opened(found, tuple(steps))
