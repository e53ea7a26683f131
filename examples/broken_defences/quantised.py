"""Broken: images rounded to a few levels, which has no gradient, attacked as if it had one.

Athalye, Carlini & Wagner, "Obfuscated Gradients Give a False Sense of Security", ICML 2018: shattered gradients.
"""

from __future__ import annotations

from network import network
from torch import Tensor, nn


class Quantise(nn.Module):
    """The nearest of ``levels`` evenly spaced values."""

    def __init__(self, levels: int) -> None:
        super().__init__()
        self.steps = levels - 1

    def forward(self, images: Tensor) -> Tensor:
        return images.mul(self.steps).round().div(self.steps)


def load(base: str = "resnet20") -> nn.Module:
    return nn.Sequential(Quantise(16), network(base)).eval()
