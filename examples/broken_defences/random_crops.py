"""Broken: the mean answer to a few random crops, attacked by images that were made without them.

Guo, Rana, Cissé & van der Maaten, "Countering Adversarial Images using Input Transformations", ICLR 2018; broken by
Athalye, Carlini & Wagner, ICML 2018, by expectation over transformation.
"""

from __future__ import annotations

import torch
from network import network
from torch import Tensor, nn
from torch.nn import functional


class Cropped(nn.Module):
    """The mean logits of ``draws`` crops of ``side``, one place for the whole batch, brought back to full size."""

    def __init__(self, inner: nn.Module, side: int, draws: int) -> None:
        super().__init__()
        self.inner, self.side, self.draws = inner, side, draws

    def forward(self, images: Tensor) -> Tensor:
        return torch.stack([self._one(images) for _ in range(self.draws)]).mean(0)

    def _one(self, images: Tensor) -> Tensor:
        full = images.shape[-1]
        left, top = torch.randint(full - self.side + 1, (2,)).tolist()
        crop = images[:, :, top : top + self.side, left : left + self.side]
        scores: Tensor = self.inner(functional.interpolate(crop, (full, full), mode="bicubic", align_corners=False))
        return scores


def load(base: str = "resnet20") -> nn.Module:
    return Cropped(network(base), side=26, draws=3).eval()
