"""Broken: each batch goes through some of several weak transformations, drawn at random and in a random order.

Raff, Sylvester, Forsyth & McLean, "Barrage of Random Transforms for Adversarially Robust Defense", CVPR 2019; broken by
Sitawarin, Golan-Strieb & Wagner, "Demystifying the Adversarial Robustness of Random Transformation Defenses", ICML
2022.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from network import network
from torch import Tensor, nn
from torch.nn import functional


def rounded(images: Tensor) -> Tensor:
    return images.mul(15).round().div(15)


def noisy(images: Tensor) -> Tensor:
    return images + 0.03 * torch.randn_like(images)


def blurred(images: Tensor) -> Tensor:
    weight = float(torch.rand(())) * 0.5
    wide = functional.avg_pool2d(functional.pad(images, (1, 1, 1, 1), mode="replicate"), 3, 1)
    return (1 - weight) * images + weight * wide


def greyer(images: Tensor) -> Tensor:
    weight = float(torch.rand(())) * 0.5
    return (1 - weight) * images + weight * images.mean(1, keepdim=True)


def shifted(images: Tensor) -> Tensor:
    down, right = torch.randint(-2, 3, (2,)).tolist()
    return images.roll((down, right), (2, 3))


TRANSFORMATIONS: tuple[Callable[[Tensor], Tensor], ...] = (rounded, noisy, blurred, greyer, shifted)


class Barrage(nn.Module):
    """``count`` of the ``transformations``, whose gradient rounding cuts off wherever it is among them."""

    def __init__(self, count: int, transformations: Sequence[Callable[[Tensor], Tensor]] = TRANSFORMATIONS) -> None:
        super().__init__()
        self.count, self.transformations = count, transformations

    def forward(self, images: Tensor) -> Tensor:
        for chosen in torch.randperm(len(self.transformations))[: self.count].tolist():
            images = self.transformations[chosen](images)
        return images


def load(base: str = "resnet20") -> nn.Module:
    return nn.Sequential(Barrage(4), network(base)).eval()
