"""A classifier that sees images only after a defence has changed them, itself a classifier."""

import hashlib

import torch
from torch import Tensor

from pixelproof.defences.output_defence import apply_outputs
from pixelproof.defences.preprocessor import Preprocessor, encodes, parts
from pixelproof.errors import InputError, ModelError
from pixelproof.models.classifier import Classifier, ScoreKind
from pixelproof.models.scores import probabilities, resolve_kind


class PreprocessedClassifier:
    """``classifier`` behind ``preprocessor``: one thing from outside, so attacks and claims are about both together.

    The kind of the scores is the inner classifier's, also where that is found out later; behind a defence of the output
    they are probabilities. Gradients flow where they flow through both; the fingerprint hashes the inner one and the
    preprocessor's spec.
    """

    def __init__(self, classifier: Classifier, preprocessor: Preprocessor) -> None:
        self.classifier, self.preprocessor = classifier, preprocessor
        self.outputs = parts(preprocessor)[1]
        self.name = f"{classifier.name} + {preprocessor.name}"
        self.differentiable = classifier.differentiable and preprocessor.differentiable
        content = f"preprocessed\n{classifier.fingerprint}\n{preprocessor.spec}"
        self.fingerprint = hashlib.sha256(content.encode()).hexdigest()
        self.was_training: bool = getattr(classifier, "was_training", False)
        self.dtype: torch.dtype = getattr(classifier, "dtype", torch.float32)

    def __repr__(self) -> str:
        return f"PreprocessedClassifier({self.name!r}, kind={self.kind!r})"

    @property
    def kind(self) -> ScoreKind:
        return "probabilities" if self.outputs else self.classifier.kind

    @kind.setter
    def kind(self, kind: ScoreKind) -> None:
        self.classifier.kind = kind

    @property
    def kind_given(self) -> bool:
        return bool(self.outputs) or getattr(self.classifier, "kind_given", True)

    @kind_given.setter
    def kind_given(self, given: bool) -> None:
        self.classifier.kind_given = given  # type: ignore[attr-defined]

    def scores(self, images: Tensor) -> Tensor:
        """Scores N×K of what the preprocessor makes of ``images``, float32 N×C×H×W in [0, 1].

        Raises ``ModelError`` as the inner classifier does, and ``InputError`` when the preprocessor changes the shape
        of images though it does not say that it ``encodes`` them.
        """
        with torch.set_grad_enabled(self.differentiable and torch.is_grad_enabled()):
            scores = self._inner(images)
            if not self.outputs:
                return scores
            known = probabilities(scores, resolve_kind(self.classifier, scores))
            return apply_outputs(self.outputs, known, images).float()

    def _inner(self, images: Tensor) -> Tensor:
        seen = self.preprocessor(images)
        if seen.shape == images.shape:
            return self.classifier.scores(seen)
        if not encodes(self.preprocessor):
            raise InputError(
                f"The defence {self.preprocessor.name} makes images of {_shape(seen)} (C×H×W) out of {_shape(images)}; "
                "one that keeps their shape was expected, so bring them back to it."
            )
        try:
            return self.classifier.scores(seen)
        except ModelError as error:
            raise ModelError(
                f"The defence {self.preprocessor.name} turns {_shape(images)} (C×H×W) into {_shape(seen)}, which the "
                f"model {self.classifier.name} cannot take; use it with a model that was trained behind it."
            ) from error


def _shape(images: Tensor) -> str:
    return "×".join(map(str, images.shape[1:]))
