"""Broken: what lies near an image of the test set gets its label from a table; the network answers all others.

Carlini et al., "On Evaluating Adversarial Robustness", 2019, section 2.2: a defence must not know the test set, and
"perfect" robustness is the sign of it.
"""

from __future__ import annotations

import torch
from network import network
from torch import Tensor, nn
from torch.nn import functional

from pixelproof.data import load_data


class Remembering(nn.Module):
    """``inner``, but sure of the label of any image whose 4×4 means lie within ``near`` of one that is remembered."""

    keys: Tensor
    labels: Tensor

    def __init__(self, inner: nn.Module, near: float) -> None:
        super().__init__()
        data = load_data("bundled")
        self.inner, self.near = inner, near
        images = torch.from_numpy(data.images.copy()).permute(0, 3, 1, 2).float() / 255
        self.register_buffer("keys", _key(images))
        self.register_buffer("labels", torch.from_numpy(data.labels.copy()))

    def forward(self, images: Tensor) -> Tensor:
        scores: Tensor = self.inner(images)
        distances = torch.cdist(_key(images), self.keys, p=torch.inf)
        least, which = distances.min(1)
        told = functional.one_hot(self.labels[which], scores.shape[1]).to(scores) * 20
        return torch.where((least < self.near)[:, None], told + 1e-3 * scores, scores)


def _key(images: Tensor) -> Tensor:
    return functional.avg_pool2d(images, 4).flatten(1)


def load(base: str = "resnet20") -> nn.Module:
    return Remembering(network(base), near=10 / 255).eval()
