"""What every common perturbation is: a function of the image, a strength and a seed, and of nothing else."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from pixelproof.errors import InputError
from pixelproof.units import to_8_bit


@dataclass(frozen=True)
class Corruption(ABC):
    """A change of images that happens by itself: light, noise, blur, weather, movement, compression.

    Random ones draw from ``image_draws``: the same image, ``seed`` and strength give the same result in any batch, on
    any device. The draws do not depend on the strength, so that an image changes steadily as it grows.
    """

    name: ClassVar[str]  # as it is typed: small letters and hyphens
    smallest: ClassVar[int] = 16  # least height and width of an image, in pixels
    #: The unit of the strength, for axes: "severity", "degrees" …
    unit: ClassVar[str] = "severity"
    #: The strength that changes nothing.
    none: ClassVar[float] = 0.0
    #: The farthest strengths worth asking, one each way from ``none``.
    ends: ClassVar[tuple[float, ...]] = (5.0,)

    def __call__(self, images: Tensor, strength: float, seed: int = 0) -> Tensor:
        """``images`` float32 N×C×H×W in [0, 1], C 1 or 3, changed; they come back in [0, 1], rounded to 8 bits.

        Raises ``InputError`` for images too small or of other channels, and for a strength out of range.
        """
        self.require(images.shape[1], images.shape[2], images.shape[3])
        self.check(strength)
        changed = images if strength == self.none else self._changed(images, strength, seed)
        if changed.shape != images.shape or changed.dtype != torch.float32:
            raise ValueError(f"{tuple(changed.shape)} {changed.dtype} was made of {tuple(images.shape)} float32")
        return self._rounded(changed)

    @classmethod
    def require(cls, channels: int, height: int, width: int) -> None:
        """Raise ``InputError`` unless images of this shape can be changed so."""
        if channels not in (1, 3):
            raise InputError(
                f"Common perturbations take grey or RGB images, not {channels} channels; convert the images first."
            )
        if min(height, width) < cls.smallest:
            raise InputError(
                f"{cls.name} needs images of at least {cls.smallest}×{cls.smallest} pixels, not {height}×{width}; "
                "enlarge the images or leave it out."
            )

    def _rounded(self, changed: Tensor) -> Tensor:
        return to_8_bit(changed)

    @abstractmethod
    def check(self, strength: float) -> None:
        """Raise ``InputError`` for a strength out of range."""

    @abstractmethod
    def _changed(self, images: Tensor, strength: float, seed: int) -> Tensor:
        """The changed images, not yet cut to [0, 1] nor rounded; ``strength`` is in range and not ``none``."""
