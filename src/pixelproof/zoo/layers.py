"""Layers shared by the zoo's networks."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

CIFAR10_MEAN = (0.4914, 0.4822, 0.4465)
CIFAR10_STD = (0.2470, 0.2435, 0.2616)


class Normalise(nn.Module):
    """(x − mean) / std per channel: normalisation belongs to the model, so images stay in [0, 1]."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.std


def draw_convolutions(network: nn.Module, mode: Literal["fan_in", "fan_out"] = "fan_in") -> None:
    """Normal weights for all convolutions of ``network`` in their order, as He et al. (2015) have them before ReLU."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode=mode, nonlinearity="relu")
