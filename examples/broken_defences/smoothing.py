"""Not broken: randomised smoothing, which answers at random and says so.

Cohen, Rosenfeld & Kolter, "Certified Adversarial Robustness via Randomized Smoothing", ICML 2019.
"""

from __future__ import annotations

import torch
from network import network
from torch import Tensor, nn


class Smoothed(nn.Module):
    """The mean logits of ``draws`` noisy copies of each image, drawn anew at every call."""

    def __init__(self, inner: nn.Module, sigma: float, draws: int) -> None:
        super().__init__()
        self.inner, self.sigma, self.draws = inner, sigma, draws

    def forward(self, images: Tensor) -> Tensor:
        copies = images.repeat_interleave(self.draws, 0)
        scores: Tensor = self.inner(copies + self.sigma * torch.randn_like(copies))
        return scores.unflatten(0, (len(images), self.draws)).mean(1)


def load(base: str = "lenet") -> nn.Module:
    return Smoothed(network(base), sigma=8 / 255, draws=2).eval()
