"""Normalisation that a model expects of its images, put inside the model, where it belongs."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from math import isfinite
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pixelproof.errors import ModelError
from pixelproof.models.call import CallableClassifier
from pixelproof.models.classifier import Classifier, ScoreKind
from pixelproof.wording import shown


@dataclass(frozen=True)
class Normalisation:
    """(x · ``scale`` − ``mean``) / ``std`` of images in [0, 1]; one number for all channels, or one for each."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    scale: float = 1.0

    def __post_init__(self) -> None:
        if len({len(self.mean), len(self.std)} - {1}) > 1 or not self.mean or not self.std:
            raise ModelError(
                f"Normalisation has {len(self.mean)} means and {len(self.std)} deviations; expected one of each, or "
                "one a channel."
            )
        if not all(map(isfinite, (*self.mean, *self.std, self.scale))):
            raise ModelError("Normalisation is by numbers that are not finite; expected a finite mean and deviation.")
        if not all(each > 0 for each in (*self.std, self.scale)):
            raise ModelError(f"Normalisation divides by {min(self.std):g}; expected deviations and a scale above 0.")

    def __call__(self, images: Tensor) -> Tensor:
        """Of images N×C×H×W; of the same dtype, on the same device. Raises ``ModelError`` for other channels."""
        mean, std = (images.new_tensor(each)[:, None, None] for each in (self.mean, self.std))
        if max(len(self.mean), len(self.std)) not in (1, images.shape[1]):
            raise ModelError(
                f"Normalisation is of {max(len(self.mean), len(self.std))} channels, but the images have "
                f"{images.shape[1]}; expected one mean and one deviation a channel."
            )
        return (images * self.scale - mean) / std


#: By name: those of ImageNet and CIFAR-10, as most of their networks were trained, and [−1, 1].
STATISTICS = {
    "imagenet": Normalisation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "cifar10": Normalisation((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    "half": Normalisation((0.5,), (0.5,)),
}


class NormalisedModule(nn.Module):
    """A module behind its normalisation."""

    mean: Tensor
    std: Tensor

    def __init__(self, module: nn.Module, normalisation: Normalisation) -> None:
        super().__init__()
        self.module, self.scale = module, normalisation.scale
        first = next(
            chain(module.parameters(), module.buffers()), None
        )  # where the module is, its normalisation is too
        for name in ("mean", "std"):
            numbers = torch.tensor(getattr(normalisation, name), device=None if first is None else first.device)
            self.register_buffer(name, numbers[:, None, None], persistent=False)

    def forward(self, x: Tensor) -> Any:
        scaled = x if self.scale == 1.0 else x * self.scale
        return self.module((scaled - self.mean) / self.std)

    def extra_repr(self) -> str:
        """What the fingerprint sees of it."""
        return f"mean={self.mean.flatten().tolist()}, std={self.std.flatten().tolist()}, scale={self.scale}"


class NormalisedClassifier:
    """A classifier that is no module behind its normalisation; gradients pass where they pass the classifier."""

    def __init__(self, classifier: Classifier, normalisation: Normalisation) -> None:
        self.classifier, self.normalisation = classifier, normalisation
        self.name, self.differentiable = classifier.name, classifier.differentiable
        text = f"{classifier.fingerprint}\n{normalisation}"
        self.fingerprint = hashlib.sha256(text.encode()).hexdigest()

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
        """Scores float32 N×K of ``images``, float32 N×C×H×W in [0, 1]."""
        return self.classifier.scores(self.normalisation(images))


def Normalize(  # noqa: N802 - a constructor to those who call it
    model: nn.Module | Callable[[Tensor], Any], mean: float | Sequence[float], std: float | Sequence[float]
) -> Any:
    """``model`` with (x − ``mean``) / ``std`` inside, so that it takes images in [0, 1].

    A torch module becomes a torch module, which keeps its gradients; any other callable, and a ``Classifier``, becomes
    a ``Classifier``. ``mean`` and ``std``: one number, or one a channel. Raises ``ModelError`` where these do not fit
    together.
    """
    normalisation = Normalisation(_numbers(mean), _numbers(std))
    if isinstance(model, nn.Module):
        return NormalisedModule(model, normalisation)
    if isinstance(model, Classifier):
        return NormalisedClassifier(model, normalisation)
    if not callable(model) or isinstance(model, type):
        raise ModelError(
            f"What is of type {type(model).__name__} cannot be normalised; expected a torch module or a function."
        )
    return NormalisedClassifier(CallableClassifier(model), normalisation)


def _numbers(value: float | Sequence[float]) -> tuple[float, ...]:
    try:
        return tuple(np.asarray(value, float).reshape(-1).tolist())
    except (TypeError, ValueError):
        raise ModelError(f"Normalisation by {shown(value)} cannot be; expected one number, or one a channel.") from None
