"""What people have before they hear of pixelproof: a network, a function, a model of MAITE's. None is trained."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn


class Net(nn.Module):
    """Scores N×5 of images N×3×32×32."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 8, 3, stride=4), nn.Linear(8 * 64, 5)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.head(torch.relu(self.conv(x)).flatten(1))
        return scores


def network() -> Net:
    """The same weights each time."""
    torch.manual_seed(0)
    return Net().eval()


def classify(images: Tensor) -> Tensor:
    """Scores of images."""
    return network()(images)


class MaiteNet:
    """The network as MAITE's tasks call it: a batch is a sequence of images."""

    def __init__(self) -> None:
        self.metadata = {"id": "net"}
        self.network = network()

    @torch.no_grad()
    def __call__(self, batch: Sequence[Any], /) -> Sequence[Any]:
        return list(self.network(torch.from_numpy(np.stack([np.asarray(image) for image in batch]))).numpy())
