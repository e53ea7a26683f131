"""Broken: every patch is written with the few largest of its cosine coefficients; all others become 0.

Bafna, Murtagh & Vyas, "Thwarting Adversarial Examples: An L0-Robust Sparse Fourier Transform", NeurIPS 2018; broken by
Tramèr, Carlini, Brendel & Madry, "On Adaptive Attacks to Adversarial Example Defenses", NeurIPS 2020, section 7.
"""

from __future__ import annotations

from math import pi, sqrt

import torch
from network import network
from torch import Tensor, nn

SIDE = 8  # of a patch


def cosines() -> Tensor:
    """The orthonormal cosine transform of ``SIDE`` values, frequencies×values."""
    places = torch.arange(SIDE, dtype=torch.float32)
    basis = torch.cos(pi / SIDE * (places + 0.5) * places[:, None]) * sqrt(2 / SIDE)
    basis[0] /= sqrt(2)
    return basis


class Sparse(nn.Module):
    """The ``kept`` largest coefficients of each patch and channel, without a gradient."""

    basis: Tensor

    def __init__(self, kept: int) -> None:
        super().__init__()
        self.kept = kept
        self.register_buffer("basis", cosines())

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        patches = images.unfold(2, SIDE, SIDE).unfold(3, SIDE, SIDE)  # N×C×rows×columns×side×side
        coefficients = (self.basis @ patches @ self.basis.T).flatten(-2)
        least = coefficients.abs().topk(self.kept, -1).values[..., -1:]
        kept = torch.where(coefficients.abs() >= least, coefficients, 0).unflatten(-1, (SIDE, SIDE))
        found = self.basis.T @ kept @ self.basis
        return found.permute(0, 1, 2, 4, 3, 5).reshape(images.shape).clamp(0, 1)


def load(base: str = "resnet20") -> nn.Module:
    return nn.Sequential(Sparse(24), network(base)).eval()
