"""Broken: a median filter of scipy before the network, which lets no gradient through.

Xu, Evans & Qi, "Feature Squeezing: Detecting Adversarial Examples in Deep Neural Networks", NDSS 2018; broken by He,
Wei, Chen, Carlini & Song, "Adversarial Example Defenses: Ensembles of Weak Defenses Are Not Strong", WOOT 2017.
"""

from __future__ import annotations

import numpy as np
import torch
from network import network
from scipy.ndimage import median_filter
from torch import Tensor, nn


class MedianFiltered(nn.Module):
    """The median of each value, the one below it, and the two to the right of these, channel by channel."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, images: Tensor) -> Tensor:
        pixels = images.detach().cpu().numpy()
        filtered = median_filter(pixels, size=(1, 1, 2, 2), mode="nearest")
        scores: Tensor = self.inner(torch.from_numpy(np.ascontiguousarray(filtered)).to(images))
        return scores


def load(base: str = "resnet20") -> nn.Module:
    return MedianFiltered(network(base)).eval()
