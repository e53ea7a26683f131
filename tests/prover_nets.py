"""Tiny networks with random weights, of every layer that bounds know, for the tests of the prover."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

SIZE, CLASSES = (9, 7, 3), 3


class Strided(nn.Module):
    """Odd kernels, different strides by axis, a bias-free convolution with batch norm."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, (5, 3), (2, 1), padding=(2, 1))
        self.second = nn.Conv2d(4, 5, 3, 2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(5)
        self.head = nn.LazyLinear(CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.norm(self.second(torch.relu(self.first(x)))))
        scores: Tensor = self.head(torch.flatten(x, 1))
        return scores


class Pooled(nn.Module):
    """Maxima: disjoint, and overlapping with padding; two full layers."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 4, 3, padding="same"),
            nn.ReLU(),
            nn.MaxPool2d(2, padding=1),
            nn.Conv2d(4, 4, 3, padding=1),
            nn.MaxPool2d(3, 2, 1),
            nn.ReLU(),
            nn.Flatten(),
            nn.LazyLinear(8),
            nn.ReLU(),
            nn.Linear(8, CLASSES),
        )

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.layers((x - 0.5) / 0.25)
        return scores


class Residual(nn.Module):
    """A subsampled and padded shortcut, and means."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.conv1, self.conv2 = nn.Conv2d(4, 6, 3, 2, padding=1), nn.Conv2d(6, 6, 3, padding=1)
        self.head = nn.Linear(6, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.stem(x))
        out = self.conv2(torch.relu(self.conv1(x)))
        out = torch.relu(out + F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 1, 1)))
        scores: Tensor = self.head(out.mean((2, 3)))
        return scores


class Branches(nn.Module):
    """Two rectified ways side by side, joined by channels and by a sum; padding on one side, groups, dilation."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Conv2d(3, 2, 3, padding=1), nn.Conv2d(3, 4, 3, padding=2, dilation=2)
        self.both = nn.Conv2d(6, 6, 2, groups=3)
        self.scale = nn.BatchNorm2d(6)
        self.pool = nn.AvgPool2d(2)
        self.head = nn.LazyLinear(CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        joined = torch.cat([torch.relu(self.left(x)), torch.relu(self.right(x))], 1)
        out = self.both(F.pad(joined, (0, 1, 1, 0)))
        out = self.scale(torch.relu(out) + torch.relu(self.scale(joined)))
        scores: Tensor = self.head(self.pool(torch.relu(out)).flatten(1))
        return scores


class Skipping(nn.Module):
    """Strides longer than kernels, so that some pixels are never seen."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 4, 1, 3), nn.ReLU(), nn.Conv2d(4, 4, 2, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1)
        )
        self.head = nn.Linear(4, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        out = self.layers(x)
        scores: Tensor = self.head(out.view(out.size(0), -1))
        return scores


NETWORKS: tuple[Callable[[], nn.Module], ...] = (Strided, Pooled, Residual, Branches, Skipping)


def built(network: Callable[[], nn.Module], seed: int, scale: float = 3.0) -> nn.Module:
    """The network with random weights, large enough that signs flip, and random batch norms; in evaluation mode."""
    torch.manual_seed(seed)
    module = network()
    module(torch.rand(4, SIZE[2], *SIZE[:2]))  # shapes of lazy layers, running means
    for each in module.modules():
        if isinstance(each, nn.BatchNorm2d):
            nn.init.uniform_(each.weight, -1.5, 1.5)
            nn.init.normal_(each.bias)
        elif isinstance(each, nn.Conv2d | nn.Linear):
            with torch.no_grad():
                each.weight.mul_(scale)
    return module.eval()


def picture(seed: int, shape: tuple[int, int, int] = SIZE) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
