"""A classifier that sees images only after a defence has changed them, itself a classifier."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor

from pixelproof.defences.preprocessor import Preprocessor
from pixelproof.models.classifier import Classifier, ScoreKind


class PreprocessedClassifier:
    """``classifier`` behind ``preprocessor``: one thing from outside, so attacks and claims are about both together.

    The kind of the scores is the inner classifier's, also where that is found out later; gradients flow where they
    flow through both; the fingerprint hashes the inner one and the preprocessor's spelling.
    """

    def __init__(self, classifier: Classifier, preprocessor: Preprocessor) -> None:
        self.classifier, self.preprocessor = classifier, preprocessor
        self.name = f"{classifier.name} + {preprocessor.name}"
        self.differentiable = classifier.differentiable and preprocessor.differentiable
        content = f"preprocessed\n{classifier.fingerprint}\n{preprocessor.spelling}"
        self.fingerprint = hashlib.sha256(content.encode()).hexdigest()
        self.was_training: bool = getattr(classifier, "was_training", False)
        self.dtype: torch.dtype = getattr(classifier, "dtype", torch.float32)

    def __repr__(self) -> str:
        return f"PreprocessedClassifier({self.name!r}, kind={self.kind!r})"

    @property
    def kind(self) -> ScoreKind:
        return self.classifier.kind

    @kind.setter
    def kind(self, kind: ScoreKind) -> None:
        self.classifier.kind = kind

    @property
    def kind_given(self) -> bool:
        return getattr(self.classifier, "kind_given", True)

    @kind_given.setter
    def kind_given(self, given: bool) -> None:
        self.classifier.kind_given = given  # type: ignore[attr-defined]

    def scores(self, images: Tensor) -> Tensor:
        """Scores N×K of what the preprocessor makes of ``images``, float32 N×C×H×W in [0, 1].

        Raises ``ModelError`` as the inner classifier does.
        """
        with torch.set_grad_enabled(self.differentiable and torch.is_grad_enabled()):
            seen = self.preprocessor(images)
        return self.classifier.scores(seen)
