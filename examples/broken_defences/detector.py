"""Broken: images that the network is unsure of are rejected, and the attack tried stopped where it was unsure.

Chow, "On Optimum Recognition Error and Reject Tradeoff", 1970, on rejecting; Carlini & Wagner, "Adversarial Examples
Are Not Easily Detected", AISec 2017, on attacking the detector too.
"""

from __future__ import annotations

from network import network
from torch import Tensor, nn


class Detected(nn.Module):
    """Answers as ``inner`` does; ``detector`` is above 0 for images that it rejects."""

    def __init__(self, inner: nn.Module, least: float) -> None:
        super().__init__()
        self.inner, self.least = inner, least

    def forward(self, images: Tensor) -> Tensor:
        scores: Tensor = self.inner(images)
        return scores

    def detector(self, images: Tensor) -> Tensor:
        return self.least - self.inner(images).softmax(1).amax(1)


def load(base: str = "resnet20") -> nn.Module:
    return Detected(network(base), least=0.7).eval()
