"""How many pixels an attack may change: L0 over positions, each counted once however many of its channels change."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from pixelproof.errors import InputError
from pixelproof.units import grey_levels, to_8_bit


@dataclass(frozen=True)
class PixelBall:
    """All images that differ from a clean one in at most ``epsilon`` pixels, which may take any colour.

    Raises ``InputError`` where ``epsilon`` is not at least 1.
    """

    epsilon: int
    norm: ClassVar[Literal["l0"]] = "l0"

    def __post_init__(self) -> None:
        if not self.epsilon >= 1:
            raise InputError(f"A number of pixels of at least 1 was expected, not {self.epsilon}.")

    def project(self, images: Tensor, clean: Tensor) -> Tensor:
        """The nearest images to ``images`` inside the ball around ``clean``, cut to [0, 1]; N×C×H×W in [0, 1].

        Kept are the pixels that moved farthest in L2; all others are those of the clean image to the last bit.
        """
        cut = images.clamp(0, 1)
        kept = largest((cut - clean).square().sum(1), self.epsilon)
        return torch.where(kept[:, None], cut, clean)

    def to_8_bit(self, images: Tensor, clean: Tensor) -> Tensor:
        """``images`` as whole grey levels / 255 inside the ball around ``clean``; all N×C×H×W in [0, 1].

        Rounded first, so that a pixel whose change rounds to nothing takes no place.
        """
        return self.project(to_8_bit(images), clean)

    def allows(self, images: Tensor, clean: Tensor) -> Tensor:
        """Whether each of ``images``, 8-bit ones N×C×H×W in [0, 1], lies in the ball around ``clean``: N bools."""
        return changed_pixels(grey_levels(images - clean)) <= self.epsilon


def changed_pixels(change: Tensor) -> Tensor:
    """How many pixels of each of ``change`` n×C×H×W are not 0 in every channel: n integers."""
    return (change != 0).any(1).flatten(1).sum(1)


def largest(values: Tensor, count: int) -> Tensor:
    """Where the ``count`` largest of ``values`` n×H×W are (all, if there are fewer): n×H×W bools."""
    flat = values.flatten(1)
    places = flat.topk(min(count, flat.shape[1]), 1).indices
    return torch.zeros_like(flat, dtype=torch.bool).scatter(1, places, True).view_as(values)
