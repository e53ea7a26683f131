"""The few-pixel (L0) encoding: th pixels anywhere, of any colour (Vargas & Kotyan, 2019, section III-B)."""

from collections.abc import Sequence

import torch
from torch import Tensor


class FewPixel:
    """A genome is ``threshold`` × (row, column, C channel values), rows in [0, H), columns in [0, W), values 0–255.

    As in the papers, positions wrap by modulo and values clip. Where two of the pixels fall on one position the later
    one stands, so at most ``threshold`` pixels change.
    """

    def __init__(self, threshold: int, shape: tuple[int, int, int]) -> None:
        self.threshold, self.shape = threshold, shape
        self.dimension = threshold * (2 + shape[2])

    def box(self, clean: Tensor) -> tuple[Tensor, Tensor]:
        height, width, channels = self.shape
        top = torch.tensor([height, width] + [255] * channels, dtype=torch.float32, device=clean.device)
        upper = top.repeat(len(clean), self.threshold)
        return torch.zeros_like(upper), upper

    def start(self, clean: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
        _, upper = self.box(clean)
        return torch.stack([torch.rand(self.dimension, generator=g, device=clean.device) for g in generators]) * upper

    def decode(self, genomes: Tensor, clean: Tensor) -> Tensor:
        lanes, population, _ = genomes.shape
        height, width, channels = self.shape
        pixels = genomes.view(lanes * population, self.threshold, 2 + channels)
        position = _wrap(pixels[..., 0], height) * width + _wrap(pixels[..., 1], width)
        colour = _last_at_same_position(position, pixels[..., 2:].round().clamp(0, 255))
        images = clean.repeat_interleave(population, 0).view(lanes * population, height * width, channels)
        row = torch.arange(lanes * population, device=genomes.device)[:, None].expand_as(position)
        images[row, position] = colour
        return images.view(-1, height, width, channels)


def _wrap(coordinate: Tensor, size: int) -> Tensor:
    # remainder() of a tiny negative number rounds up to ``size`` itself, hence the clamp.
    return torch.remainder(coordinate, size).floor().long().clamp(max=size - 1)


def _last_at_same_position(position: Tensor, colour: Tensor) -> Tensor:
    """Give all pixels of one position the colour of the last of them, so that the order of writing is immaterial."""
    slots = torch.arange(position.shape[1], device=position.device)
    same = position[:, :, None] == position[:, None, :]
    last = torch.where(same, slots, -1).amax(2)
    return colour.gather(1, last[..., None].expand_as(colour))
