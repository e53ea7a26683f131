"""Broken: every patch is projected onto the main components of natural ones, in numpy.

Bhagoji, Cullina, Sitawarin & Mittal, "Enhancing robustness of machine learning systems via data transformations", CISS
2018; broken by Carlini & Wagner, "Adversarial Examples Are Not Easily Detected", AISec 2017, section 4.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from network import network
from torch import Tensor, nn

from pixelproof.data import load_data

SIDE = 8  # of a patch


def components(count: int) -> npt.NDArray[np.float32]:
    """The first ``count`` principal components of the patches of the bundled images, count×(3·8·8)."""
    pixels = np.asarray(load_data("bundled").images, np.float32).transpose(0, 3, 1, 2) / 255
    patches = cut(pixels)
    _, vectors = np.linalg.eigh(patches.T @ patches)
    return np.ascontiguousarray(vectors[:, ::-1][:, :count].T)


def cut(pixels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Images N×C×H×W as rows, one a patch."""
    n, c, h, w = pixels.shape
    tiles = pixels.reshape(n, c, h // SIDE, SIDE, w // SIDE, SIDE).transpose(0, 2, 4, 1, 3, 5)
    return tiles.reshape(-1, c * SIDE * SIDE)


def pasted(patches: npt.NDArray[np.float32], shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    n, c, h, w = shape
    tiles = patches.reshape(n, h // SIDE, w // SIDE, c, SIDE, SIDE).transpose(0, 3, 1, 4, 2, 5)
    return np.ascontiguousarray(tiles.reshape(n, c, h, w))


class Projected(nn.Module):
    def __init__(self, inner: nn.Module, count: int) -> None:
        super().__init__()
        self.inner, self.kept = inner, components(count)

    def forward(self, images: Tensor) -> Tensor:
        pixels = images.detach().cpu().numpy()
        near = pasted(cut(pixels) @ self.kept.T @ self.kept, pixels.shape)
        scores: Tensor = self.inner(torch.from_numpy(near.clip(0, 1)).to(images))
        return scores


def load(base: str = "resnet20") -> nn.Module:
    return Projected(network(base), count=64).eval()
