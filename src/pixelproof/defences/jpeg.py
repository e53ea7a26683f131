"""JPEG compression: what the code has no room for is lost, and a perturbation is mostly that.

Dziugaite, Ghahramani & Roy, "A study of the effect of JPG compression on adversarial images", 2016; Guo, Rana, Cissé &
van der Maaten, "Countering Adversarial Images using Input Transformations", ICLR 2018 (there with a quality of 75).
"""

from dataclasses import dataclass
from io import BytesIO
from typing import ClassVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from pixelproof.data.imageset import UInt8Array
from pixelproof.errors import InputError
from pixelproof.units import to_pixels, to_unit


@dataclass(frozen=True)
class Jpeg:
    """Every image through Pillow's JPEG at ``quality`` and back, colours at half the resolution (its default).

    Images are rounded to 8 bits first. Raises ``InputError`` for a ``quality`` outside 1..100.
    """

    quality: int = 75

    differentiable: ClassVar[bool] = False  # coefficients are rounded

    def __post_init__(self) -> None:
        if not 1 <= self.quality <= 100:
            raise InputError(f"A JPEG quality of 1 to 100 was expected, not {self.quality}; 75 is usual.")

    @property
    def name(self) -> str:
        return self.spec

    @property
    def spec(self) -> str:
        return f"jpeg({self.quality})"

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """``images`` float32 N×C×H×W in [0, 1], C 1 or 3, compressed. Raises ``InputError`` for another C."""
        channels = images.shape[1]
        if channels not in (1, 3):
            raise InputError(
                f"JPEG compression takes grey or RGB images, not {channels} channels; leave jpeg out of the defence."
            )
        # One after another: threads gain nothing on images that take a tenth of a millisecond.
        compressed = np.stack([self._compressed(each) for each in to_pixels(images)])
        return to_unit(torch.from_numpy(compressed).to(images.device))

    def _compressed(self, pixels: UInt8Array) -> UInt8Array:
        """``pixels`` uint8 H×W×C."""
        code = BytesIO()
        Image.fromarray(pixels if pixels.shape[2] == 3 else pixels[:, :, 0]).save(code, "JPEG", quality=self.quality)
        return np.asarray(Image.open(code, formats=("JPEG",))).reshape(pixels.shape)
