"""Broken: rejected is what a second network takes for another class, which is said as yes or no, without a gradient.

Carlini & Wagner, "Adversarial Examples Are Not Easily Detected", AISec 2017: what detects is fooled as what classifies.
"""

from __future__ import annotations

import torch
from network import network
from torch import Tensor, nn


class Doubted(nn.Module):
    """Answers as ``inner`` does; ``detector`` is 1 where ``second`` disagrees, and −1 where it does not."""

    def __init__(self, inner: nn.Module, second: nn.Module) -> None:
        super().__init__()
        self.inner, self.second = inner, second

    def forward(self, images: Tensor) -> Tensor:
        scores: Tensor = self.inner(images)
        return scores

    def detector(self, images: Tensor) -> Tensor:
        other = self.inner(images).argmax(1) != self.second(images).argmax(1)
        return torch.where(other, 1.0, -1.0)


def load(base: str = "resnet20", second: str = "preact-resnet20") -> nn.Module:
    return Doubted(network(base), network(second)).eval()
