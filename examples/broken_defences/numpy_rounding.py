"""Broken: images rounded to a few levels in numpy, inside ``forward``, so that there is no gradient at all.

Athalye, Carlini & Wagner, "Obfuscated Gradients Give a False Sense of Security", ICML 2018: shattered gradients, and an
attack that cannot even begin says nothing.
"""

from __future__ import annotations

import numpy as np
import torch
from network import network
from torch import Tensor, nn


class Rounded(nn.Module):
    def __init__(self, inner: nn.Module, levels: int) -> None:
        super().__init__()
        self.inner, self.steps = inner, levels - 1

    def rounded(self, images: Tensor) -> Tensor:
        pixels = images.detach().cpu().numpy()
        return torch.from_numpy(np.rint(pixels * self.steps) / self.steps).to(images)

    def forward(self, images: Tensor) -> Tensor:
        scores: Tensor = self.inner(self.rounded(images))
        return scores


def load(base: str = "resnet20") -> nn.Module:
    return Rounded(network(base), levels=16).eval()
