"""Broken: probabilities cut at 0.9 and 0.01, so that what the network is sure of has no gradient.

Athalye, Carlini & Wagner, ICML 2018, section 3.1: zero gradients are obfuscated ones.
"""

from __future__ import annotations

from network import network
from torch import Tensor, nn


class Clipped(nn.Module):
    """Probabilities between ``least`` and ``most``, brought to a sum of 1 again."""

    def __init__(self, inner: nn.Module, least: float, most: float) -> None:
        super().__init__()
        self.inner, self.least, self.most = inner, least, most

    def forward(self, images: Tensor) -> Tensor:
        cut: Tensor = self.inner(images).softmax(1).clamp(self.least, self.most)
        return cut / cut.sum(1, keepdim=True)


def load(base: str = "resnet20") -> nn.Module:
    return Clipped(network(base), least=0.01, most=0.9).eval()
