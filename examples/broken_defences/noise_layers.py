"""Broken: noise before every convolution, attacked with the gradient of one draw at a time.

Liu, Cheng, Zhang & Hsieh, "Towards Robust Neural Networks via Random Self-ensemble", ECCV 2018; against random layers
Athalye, Carlini & Wagner, ICML 2018, take expectations.
"""

from __future__ import annotations

import torch
from network import network
from torch import Tensor, nn


class Noisy(nn.Module):
    """``layer`` of an input with Gaussian noise, of ``share`` its standard deviation in this batch."""

    def __init__(self, layer: nn.Module, share: float) -> None:
        super().__init__()
        self.layer, self.share = layer, share

    def forward(self, values: Tensor) -> Tensor:
        found: Tensor = self.layer(values + self.share * values.detach().std() * torch.randn_like(values))
        return found


def noisy(module: nn.Module, share: float) -> nn.Module:
    """``module`` with noise before each of its convolutions, in place."""
    for name, child in module.named_children():
        setattr(module, name, Noisy(child, share) if isinstance(child, nn.Conv2d) else noisy(child, share))
    return module


def load(base: str = "resnet20", share: float = 0.1) -> nn.Module:
    return noisy(network(base), share).eval()
