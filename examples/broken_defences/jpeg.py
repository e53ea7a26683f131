"""Broken: JPEG compression before the network, which cuts the gradient off.

Guo, Rana, Cissé & van der Maaten, "Countering Adversarial Images using Input Transformations", ICLR 2018; broken by
Athalye, Carlini & Wagner, ICML 2018, by BPDA with the identity.
"""

from __future__ import annotations

from network import network
from torch import Tensor, nn

from pixelproof.defences import Jpeg


class Compress(nn.Module):
    def __init__(self, quality: int) -> None:
        super().__init__()
        self.jpeg = Jpeg(quality)

    def forward(self, images: Tensor) -> Tensor:
        return self.jpeg(images.float()).to(images.dtype)


def load(base: str = "resnet20") -> nn.Module:
    return nn.Sequential(Compress(75), network(base)).eval()
