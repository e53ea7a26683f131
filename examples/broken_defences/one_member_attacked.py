"""Broken: three networks answer together, and the attack followed the gradient of one of them.

He, Wei, Chen, Carlini & Song, "Adversarial Example Defenses: Ensembles of Weak Defenses Are Not Strong", WOOT 2017.
"""

from __future__ import annotations

import torch
from network import network
from torch import Tensor, nn


class Mean(nn.Module):
    """The mean probabilities of ``members``."""

    def __init__(self, members: list[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, images: Tensor) -> Tensor:
        return torch.stack([member(images).softmax(1) for member in self.members]).mean(0)


def load(*bases: str) -> nn.Module:
    return Mean([network(base) for base in bases or ("resnet20", "preact-resnet20", "strided-cnn")]).eval()
