"""How far an attack may go: a norm and a radius, kept in floats while it works and in whole grey levels at the end."""

from dataclasses import dataclass
from math import floor
from typing import Literal, get_args

import torch
from torch import Tensor

from pixelproof.errors import InputError
from pixelproof.seeds import Streams
from pixelproof.units import grey_levels, to_8_bit

Norm = Literal["linf", "l2", "l1"]

#: Distances of 8-bit images are sums of whole numbers; only the root of L2 is inexact.
TOLERANCE = 1e-4
#: Halvings of the interval in which the scale of a change is sought: 2⁻⁸ of a change is nothing beside its rounding.
_HALVINGS = 8


@dataclass(frozen=True)
class NormBall:
    """The ball of radius ``epsilon`` in ``norm``, with lengths in grey levels (1/255) and all channel values counted.

    Raises ``InputError`` for an unknown norm or an ``epsilon`` that is not positive.
    """

    norm: Norm
    epsilon: float

    def __post_init__(self) -> None:
        if self.norm not in get_args(Norm):
            raise InputError(f"The norm {self.norm!r} is not known; expected one of {', '.join(get_args(Norm))}.")
        if not self.epsilon > 0:
            raise InputError(
                f"An epsilon above 0 was expected, not {self.epsilon:g}; lengths are in grey levels, so 8 is 8/255."
            )

    def project(self, images: Tensor, clean: Tensor) -> Tensor:
        """The nearest images to ``images`` inside the ball around ``clean``, then cut to [0, 1]; N×C×H×W in [0, 1]."""
        change = images - clean
        radius = self.epsilon / 255
        if self.norm == "linf":
            change = change.clamp(-radius, radius)
        elif self.norm == "l2":
            length = change.flatten(1).norm(dim=1).clamp(min=1e-12)
            change = change * (radius / length).clamp(max=1)[:, None, None, None]
        else:
            change = l1_projection(change.flatten(1), radius).view_as(change)
        return (clean + change).clamp(0, 1)

    def to_8_bit(self, images: Tensor, clean: Tensor) -> Tensor:
        """``images`` as whole grey levels / 255 inside the ball around ``clean``; all N×C×H×W in [0, 1].

        Rounding lengthens a dense change on the sphere of L2 or L1 a little, and cutting it off instead would shorten
        it a lot (by a fifth where values move by two levels). So what leaves the ball is drawn towards the clean image
        just far enough to be inside once rounded.
        """
        rounded = to_8_bit(images)
        if self.norm == "linf":
            most = floor(self.epsilon + TOLERANCE) / 255
            return rounded.clamp(clean - most, clean + most)
        outside = ~self.allows(rounded, clean)
        if bool(outside.any()):
            rounded[outside] = self._drawn_in(images[outside], clean[outside])
        return rounded

    def _drawn_in(self, images: Tensor, clean: Tensor) -> Tensor:
        """The longest part of each change that is inside once rounded; its length grows with its scale."""
        change = images - clean
        scale, found, width = torch.zeros(len(images), 1, 1, 1, device=images.device), clean, 1.0
        for _ in range(_HALVINGS):
            width /= 2
            longer = to_8_bit(clean + (scale + width) * change)
            inside = self.allows(longer, clean)[:, None, None, None]
            scale, found = scale + width * inside, torch.where(inside, longer, found)
        return found

    def allows(self, images: Tensor, clean: Tensor) -> Tensor:
        """Whether each of ``images``, 8-bit ones N×C×H×W in [0, 1], lies in the ball around ``clean``: N bools."""
        change = grey_levels(images - clean).flatten(1).double()
        order = {"linf": torch.inf, "l2": 2, "l1": 1}[self.norm]
        length: Tensor = torch.linalg.vector_norm(change, order, dim=1)
        return length <= self.epsilon + TOLERANCE


def l1_projection(change: Tensor, radius: float) -> Tensor:
    """The nearest rows to those of ``change`` N×D with an L1 norm of at most ``radius`` (Duchi et al., 2008)."""
    size = change.abs()
    ordered = size.sort(1, descending=True).values
    excess = ordered.cumsum(1) - radius
    rank = torch.arange(1, change.shape[1] + 1, device=change.device)
    last = (ordered * rank > excess).sum(1, keepdim=True).clamp(min=1)  # components that stay above zero
    shrink = (excess.gather(1, last - 1) / last).clamp(min=0)
    return change.sign() * (size - shrink).clamp(min=0)


def random_start(clean: Tensor, ball: NormBall, streams: Streams) -> Tensor:
    """Images uniformly from the ball around each of ``clean`` N×C×H×W, then cut to [0, 1]; one stream an image."""
    shape, size = clean.shape[1:], clean[0].numel()
    if ball.norm == "linf":
        change = 2 * streams.uniform(*shape) - 1
    elif ball.norm == "l2":
        direction = streams.normal(size)
        radius = streams.uniform(1) ** (1 / size)
        change = (direction * radius / direction.norm(dim=1, keepdim=True)).view_as(clean)
    else:
        # D of D + 1 exponential variables, divided by their sum, are uniform on the solid simplex.
        lengths = -torch.log1p(-streams.uniform(size + 1))
        signs = 2.0 * streams.integers(2, size) - 1
        change = (signs * lengths[:, :-1] / lengths.sum(1, keepdim=True)).view_as(clean)
    return ball.project(clean + change * ball.epsilon / 255, clean)
