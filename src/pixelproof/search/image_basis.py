"""Coordinates in which the gradients of image classifiers are nearly uncorrelated: colour, window, cosine transform."""

import math

import torch
from torch import Tensor

#: Frequencies kept along each side, at most: images larger than that are described by their low frequencies.
MOST_FREQUENCIES = 32
#: Standard deviation of the window, as a share of each side.
WINDOW = 13 / 32


def bands_of(shape: tuple[int, int, int]) -> tuple[int, int, int]:
    """Colours, and frequencies down and across, by which changes of images of ``shape`` (H, W, C) are described."""
    height, width, channels = shape
    return channels, min(height, MOST_FREQUENCIES), min(width, MOST_FREQUENCIES)


class ImageBasis:
    """u = DCT(colour(window · d)) for changes d of images H×W×C, and its transpose.

    Gradients are stronger near the middle of a picture (the window), nearly equal in all channels (an orthonormal
    rotation of the colours, whose first axis is grey) and stationary (the orthonormal cosine transform, DCT-II).
    """

    def __init__(self, shape: tuple[int, int, int], device: torch.device) -> None:
        height, width, channels = shape
        self.shape = shape
        self.bands = bands_of(shape)
        self.size = math.prod(self.bands)
        self.window = _window(height, width).to(device)  # H×W×1, mean square 1
        down, across = _bell(height), _bell(width)
        rows = _cosines(height, self.bands[1]) * down / down.square().mean().sqrt()
        columns = _cosines(width, self.bands[2]) * across / across.square().mean().sqrt()
        # Colours and columns are one product: few large ones cost less than many small ones.
        row = torch.einsum("dc,kw->wcdk", _colours(channels), columns).reshape(width * channels, -1)
        self._rows, self._row = rows.contiguous().to(device), row.contiguous().to(device)

    def analyse(self, changes: Tensor) -> Tensor:
        """Coordinates (n, size) of changes (n, H·W·C)."""
        channels, down, across = self.bands
        d = changes.reshape(-1, len(self._row)) @ self._row
        d = self._rows @ d.view(len(changes), self.shape[0], channels * across)
        return d.view(-1, down, channels, across).transpose(1, 2).reshape(len(changes), self.size)

    def synthesise(self, coordinates: Tensor) -> Tensor:
        """The transpose of `analyse`: (n, H·W·C) of coordinates (n, size)."""
        channels, down, across = self.bands
        d = coordinates.view(-1, *self.bands).transpose(1, 2).reshape(-1, down, channels * across)
        d = (self._rows.T @ d).view(-1, channels * across) @ self._row.T
        return d.view(len(coordinates), -1)


def _cosines(length: int, kept: int) -> Tensor:
    """The first rows of the orthonormal DCT-II matrix, (kept, length)."""
    k, i = torch.arange(kept).unsqueeze(1), torch.arange(length)
    matrix = torch.cos(math.pi * (2 * i + 1) * k / (2 * length)) * math.sqrt(2 / length)
    matrix[0] /= math.sqrt(2)
    return matrix


def _colours(channels: int) -> Tensor:
    """Orthonormal rows, the first one grey; (channels, channels)."""
    if channels == 3:
        rows = torch.tensor([[1.0, 1, 1], [1, 0, -1], [1, -2, 1]])
        return rows / rows.square().sum(1, keepdim=True).sqrt()
    return _cosines(channels, channels)


def _window(height: int, width: int) -> Tensor:
    window = _bell(height).unsqueeze(1) * _bell(width)
    return (window / window.square().mean().sqrt()).unsqueeze(2)


def _bell(size: int) -> Tensor:
    return torch.exp(-((torch.arange(size) - (size - 1) / 2) ** 2) / (2 * (WINDOW * size) ** 2))
