"""A model that rejects images: a method ``detector(images)`` on it, above 0 for those that it takes for attacks."""

from typing import cast

import torch
from torch import Tensor, nn

from pixelproof.defences.preprocessed import PreprocessedClassifier
from pixelproof.defences.preprocessor import Chain
from pixelproof.errors import InputError
from pixelproof.models.classifier import Classifier, ScoreKind
from pixelproof.models.torch_module import TorchClassifier


def detector_of(classifier: Classifier) -> Classifier | None:
    """Who rejects, as a classifier of two classes with the scores (0, D): it stands, or is rejected; None: nobody.

    The method ``detector`` of a torch module, or of the classifier itself, gives N numbers D for images N×C×H×W in
    [0, 1]. Behind preprocessing it sees what the model sees. Asking it raises ``InputError`` where it answers with
    anything else.
    """
    if isinstance(classifier, PreprocessedClassifier):
        inner, steps = detector_of(classifier.classifier), classifier.preprocessor
        images_only = Chain(steps.steps) if isinstance(steps, Chain) else steps
        return None if inner is None else PreprocessedClassifier(inner, images_only)
    if _has(classifier):
        return _Detector(classifier)
    if isinstance(classifier, TorchClassifier) and _has(classifier.module):
        return TorchClassifier(_Signal(classifier.module), name=f"detector of {classifier.name}", kind="logits")
    return None


def _has(model: object) -> bool:
    """Whether it has the method: a layer that is called so may be anything."""
    found = getattr(model, "detector", None)
    return callable(found) and not isinstance(found, nn.Module)


class _Signal(nn.Module):
    """The detector of ``model`` as a module of its own, which is asked in evaluation mode as every other."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        return _scores(self.model, images)


class _Detector:
    """That of a classifier which is no torch module."""

    def __init__(self, classifier: Classifier) -> None:
        self.classifier, self.name = classifier, f"detector of {classifier.name}"
        self.kind: ScoreKind = "logits"
        self.differentiable, self.fingerprint = classifier.differentiable, f"detector of {classifier.fingerprint}"

    def scores(self, images: Tensor) -> Tensor:
        return _scores(self.classifier, images)


def _scores(model: object, images: Tensor) -> Tensor:
    found = cast(Tensor, model.detector(images))  # type: ignore[attr-defined]
    if not isinstance(found, Tensor) or found.shape != images.shape[:1]:
        given = f"the shape {tuple(found.shape)}" if isinstance(found, Tensor) else f"a {type(found).__name__}"
        raise InputError(
            f"The model's detector answered {given} to {len(images)} images; one number an image was expected, above 0 "
            f"where it is rejected, so return a tensor of shape ({len(images)},)."
        )
    return torch.stack([torch.zeros_like(found), found], 1).float()
