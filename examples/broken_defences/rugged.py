"""Broken: ripples on the logits, small in height and steep, so that the gradient points nowhere.

Tekwani & Parmar, figure 8: a loss made complex on purpose takes longer to descend, and is no lower for it.
"""

from __future__ import annotations

import torch
from network import network
from torch import Tensor, nn


class Rippled(nn.Module):
    """``height`` · sin(``pitch`` · w_k x) on the logit of class k, with a random unit direction w_k."""

    directions: Tensor

    def __init__(self, inner: nn.Module, height: float, pitch: float, values: int = 3072, classes: int = 10) -> None:
        super().__init__()
        self.inner, self.height, self.pitch = inner, height, pitch
        drawn = torch.randn(classes, values, generator=torch.Generator().manual_seed(0))
        self.register_buffer("directions", drawn / drawn.norm(dim=1, keepdim=True))

    def forward(self, images: Tensor) -> Tensor:
        waves = torch.sin(self.pitch * images.flatten(1) @ self.directions.T)
        scores: Tensor = self.inner(images) + self.height * waves
        return scores


def load(base: str = "resnet20") -> nn.Module:
    return Rippled(network(base), height=0.5, pitch=5e3).eval()
