"""Broken: images shrunk and padded at random, attacked with the gradient of one draw at a time.

Xie, Wang, Zhang, Ren & Yuille, "Mitigating Adversarial Effects Through Randomization", ICLR 2018; broken by Athalye,
Carlini & Wagner, ICML 2018, by expectation over transformation.
"""

from __future__ import annotations

import torch
from network import network
from torch import Tensor, nn
from torch.nn import functional


class RandomResizePad(nn.Module):
    """Each batch at a side drawn from ``smallest`` to that of the images, at a place drawn too, zeros around it."""

    def __init__(self, smallest: int) -> None:
        super().__init__()
        self.smallest = smallest

    def forward(self, images: Tensor) -> Tensor:
        full = images.shape[-1]
        side = int(torch.randint(self.smallest, full, ()))
        left, top = torch.randint(full - side + 1, (2,)).tolist()
        small = functional.interpolate(images, (side, side), mode="bilinear", align_corners=False)
        return functional.pad(small, (left, full - side - left, top, full - side - top))


def load(base: str = "resnet20") -> nn.Module:
    return nn.Sequential(RandomResizePad(26), network(base)).eval()
