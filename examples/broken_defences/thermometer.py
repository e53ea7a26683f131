"""Broken: thermometer encoding, whose bits have no gradient; the first layer adds them up again.

Buckman, Roy, Raffel & Goodfellow, ICLR 2018; broken by Athalye, Carlini & Wagner, ICML 2018.
"""

from __future__ import annotations

from network import network
from torch import Tensor, nn

from pixelproof.defences import Thermometer


class Thermometers(nn.Module):
    """Images N×C×H×W to bits, and back to C channels as a network's first layer could."""

    def __init__(self, levels: int) -> None:
        super().__init__()
        self.encode, self.levels = Thermometer(levels), levels

    def forward(self, images: Tensor) -> Tensor:
        bits = self.encode(images).unflatten(1, (images.shape[1], self.levels))
        return (bits.sum(2) - 0.5) / self.levels


def load(base: str = "resnet20") -> nn.Module:
    return nn.Sequential(Thermometers(16), network(base)).eval()
