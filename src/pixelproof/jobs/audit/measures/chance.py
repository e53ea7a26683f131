"""Where a model draws at random."""

from __future__ import annotations

from pixelproof.defences.preprocessed import PreprocessedClassifier
from pixelproof.defences.preprocessor import Seeded, parts
from pixelproof.jobs.audit.case import Case
from pixelproof.models.classifier import Classifier


def seeded(case: Case) -> tuple[str, ...]:
    """The steps before the model whose draws follow from a seed and the image, by name."""
    found: list[str] = []
    classifier: Classifier = case.classifier
    while isinstance(classifier, PreprocessedClassifier):
        found += [step.name for step in parts(classifier.preprocessor)[0] if isinstance(step, Seeded)]
        classifier = classifier.classifier
    return tuple(found)
