"""A small network that is easily fooled, and classifiers around it that show less than it knows, or count."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor, nn

from pixelproof.conformance.check import SHAPE
from pixelproof.models import Classifier, TorchClassifier
from pixelproof.models.classifier import ScoreKind

CLASSES = 4


class _Network(nn.Module):
    """A rectified convolution and a linear layer; images N×3×H×W, of any size."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(SHAPE[2], 8, 3, stride=2), nn.Linear(8 * 9, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        pooled = nn.functional.adaptive_avg_pool2d(torch.relu(self.conv(x - 0.5)), 3)
        scores: Tensor = self.head(pooled.flatten(1))
        return scores


@cache
def network() -> nn.Module:
    """With weights that follow from no global generator."""
    module, generator = _Network().eval(), torch.Generator().manual_seed(0)
    with torch.no_grad():
        for each in module.parameters():
            each.copy_(torch.randn(each.shape, generator=generator))
    return module


class Shown:
    """The network as a classifier that counts its images in ``asked``, and shows scores, or labels alone."""

    def __init__(self, kind: ScoreKind = "logits", differentiable: bool = True) -> None:
        self._inner: Classifier = TorchClassifier(network(), kind="logits", differentiable=differentiable)
        self.name, self.kind, self.differentiable = "the network", kind, differentiable
        self.fingerprint = self._inner.fingerprint
        self.asked = 0

    def scores(self, images: Tensor) -> Tensor:
        self.asked += len(images)
        scores = self._inner.scores(images)
        return nn.functional.one_hot(scores.argmax(1), CLASSES).float() if self.kind == "labels" else scores
