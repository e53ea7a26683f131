"""Thermometer encoding: a value becomes a row of bits, as many of them on as it is high.

Buckman, Roy, Raffel & Goodfellow, "Thermometer Encoding: One Hot Way to Resist Adversarial Examples", ICLR 2018.
Athalye, Carlini & Wagner, "Obfuscated Gradients Give a False Sense of Security", ICML 2018: the stand-in.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from pixelproof.errors import InputError


@dataclass(frozen=True)
class Thermometer:
    """Turns C channels into C · ``levels``: bit k of a value x is 1 where x > k/levels, and bit 0 always.

    The bits of a channel stand together. That they begin with the ones is as in the authors' program, in Athalye et al.
    and in ART; the paper's table has them reversed. Only a model that was trained behind it can read them. Raises
    ``InputError`` for ``levels`` outside 2..256.
    """

    levels: int = 16

    differentiable: ClassVar[bool] = False
    encodes: ClassVar[bool] = True  # what comes out are no images

    def __post_init__(self) -> None:
        if not 2 <= self.levels <= 256:
            raise InputError(f"A thermometer of 2 to 256 levels was expected, not {self.levels}; 16 is usual.")

    @property
    def name(self) -> str:
        return self.spec

    @property
    def spec(self) -> str:
        return f"thermometer({self.levels})"

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """``images`` float32 N×C×H×W in [0, 1] as zeros and ones, float32 N×(C · levels)×H×W."""
        bits = images[:, :, None] > self._thresholds(images)
        bits[:, :, 0] = True
        return bits.float().flatten(1, 2)

    def stand_in(self, images: Tensor) -> Tensor:
        """min(max(x − k/levels, 0), 1) in place of the bits, which has gradients (Athalye et al., section 5.2)."""
        return (images[:, :, None] - self._thresholds(images)).clamp(0, 1).flatten(1, 2)

    def _thresholds(self, images: Tensor) -> Tensor:
        return torch.arange(self.levels, device=images.device)[:, None, None] / self.levels
