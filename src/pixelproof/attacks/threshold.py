"""The threshold (L∞) encoding: every channel value moves by at most th (Vargas & Kotyan, 2019, section III-A)."""

from collections.abc import Sequence

import torch
from torch import Tensor


class Threshold:
    """A genome is the H×W×C change of every channel value, within ±``threshold`` and such that 0–255 is kept.

    As in the papers, what exceeds the bounds is brought back to them; rounding to 8 bits comes last. Bounds are whole
    numbers, so rounding cannot leave them.
    """

    def __init__(self, threshold: int, shape: tuple[int, int, int]) -> None:
        self.threshold, self.shape = threshold, shape
        self.dimension = shape[0] * shape[1] * shape[2]

    def box(self, clean: Tensor) -> tuple[Tensor, Tensor]:
        pixels = clean.flatten(1)
        return (-pixels).clamp(min=-self.threshold), (255 - pixels).clamp(max=self.threshold)

    def start(self, clean: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
        return torch.zeros_like(clean.flatten(1))  # the clean image itself

    def decode(self, genomes: Tensor, clean: Tensor) -> Tensor:
        pixels = clean.flatten(1)[:, None]
        lower = (pixels - self.threshold).clamp_(min=0)
        upper = (pixels + self.threshold).clamp_(max=255)
        moved = (genomes + pixels).clamp_(lower, upper)
        return moved.round_().view(-1, *self.shape)
