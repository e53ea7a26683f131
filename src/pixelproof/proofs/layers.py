"""The few layers that bounds are made of; every known network is read as these.

Each is called with its inputs N×C×H×W (or N×F once flattened) and gives its output. What is affine has ``linear``, the
same without its constant, which is how differences of two inputs pass it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True, eq=False)
class Convolution:
    """Convolution with zero padding; also all that is one in disguise: normalisation, pooling by means, subsampling.

    weight: O×(C/groups)×k×k; bias: O. ``padding``: rows above and below, columns left and right. ``terms``: how many
    roundings a sum of the deployed network passes through here, 0 where it computes exactly.
    """

    weight: Tensor
    bias: Tensor
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1
    terms: int = 0
    bias_magnitude: Tensor | None = None  # where the bias is a sum: its terms' absolute values

    def __call__(self, x: Tensor) -> Tensor:
        return self.linear(x) + self.bias[:, None, None]

    def linear(self, x: Tensor) -> Tensor:
        top, bottom, left, right = self.padding
        if top == bottom and left == right:
            return F.conv2d(x, self.weight, None, self.stride, (top, left), self.dilation, self.groups)
        return F.conv2d(
            F.pad(x, (left, right, top, bottom)), self.weight, None, self.stride, 0, self.dilation, self.groups
        )

    def magnitude(self, x: Tensor) -> Tensor:
        """|W||x| + |b|, what rounding errors are measured against."""
        bias = self.bias.abs() if self.bias_magnitude is None else self.bias_magnitude
        return replace(self, weight=self.weight.abs(), bias=bias)(x.abs())

    @property
    def extent(self) -> tuple[int, int]:
        """Rows and columns that one output sees, gaps of dilation included."""
        height, width = self.weight.shape[2:]
        return (height - 1) * self.dilation[0] + 1, (width - 1) * self.dilation[1] + 1

    @property
    def pointwise(self) -> bool:
        """Whether every output sees one pixel, its own."""
        return self.extent == (1, 1) and self.stride == (1, 1) and self.padding == (0, 0, 0, 0)

    @property
    def channelwise(self) -> bool:
        """Whether every channel is scaled and shifted by itself."""
        return self.pointwise and self.groups == len(self.weight) and self.weight.shape[1] == 1

    def scaled(self, after: Convolution) -> Convolution:
        """This and the channelwise ``after`` in one."""
        scale = after.weight.flatten()
        return replace(self, weight=self.weight * scale[:, None, None, None], bias=self.bias * scale + after.bias)


@dataclass(frozen=True, eq=False)
class Linear:
    """weight: O×F; bias: O."""

    weight: Tensor
    bias: Tensor
    terms: int = 0

    def __call__(self, x: Tensor) -> Tensor:
        return self.linear(x) + self.bias

    def linear(self, x: Tensor) -> Tensor:
        return x @ self.weight.T

    def magnitude(self, x: Tensor) -> Tensor:
        """|W||x| + |b|, what rounding errors are measured against."""
        return x.abs() @ self.weight.abs().T + self.bias.abs()


@dataclass(frozen=True)
class ReLU:
    """The positive part."""

    def __call__(self, x: Tensor) -> Tensor:
        return torch.relu(x)


@dataclass(frozen=True)
class MaxPool:
    """Maxima of windows; what ``padding`` puts around the picture takes no part."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int] = (0, 0)

    def __call__(self, x: Tensor) -> Tensor:
        return F.max_pool2d(x, self.kernel, self.stride, self.padding)


@dataclass(frozen=True)
class Add:
    """The sum of its inputs, two or more."""

    terms: int = 0

    def __call__(self, *x: Tensor) -> Tensor:
        total = x[0]
        for each in x[1:]:
            total = total + each
        return total

    def magnitude(self, *x: Tensor) -> Tensor:
        """What rounding errors are measured against."""
        return self(*(each.abs() for each in x))


@dataclass(frozen=True)
class Flatten:
    """N×C×H×W as N×F."""

    def __call__(self, x: Tensor) -> Tensor:
        return x.flatten(1)


Layer = Convolution | Linear | ReLU | MaxPool | Add | Flatten
#: What a difference of two inputs passes without its constant.
AFFINE = (Convolution, Linear, Add, Flatten)


def channelwise(scale: Tensor, shift: Tensor, terms: int = 0, magnitude: Tensor | None = None) -> Convolution:
    """scale · x + shift for C channels; scale, shift: C."""
    return Convolution(scale[:, None, None, None], shift, groups=len(scale), terms=terms, bias_magnitude=magnitude)


def embedding(channels_in: int, before: int, after: int, like: Tensor) -> Convolution:
    """The channels with so many empty ones before and after them."""
    weight = F.pad(torch.eye(channels_in, dtype=like.dtype, device=like.device), (0, 0, before, after))
    return Convolution(weight[:, :, None, None], weight.new_zeros(len(weight)))


def averaging(
    channels: int, kernel: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int], like: Tensor
) -> Convolution:
    """The mean of every window, zero padding counted in."""
    count = kernel[0] * kernel[1]
    weight = like.new_full((channels, 1, *kernel), 1 / count)
    around = (padding[0], padding[0], padding[1], padding[1])
    return Convolution(weight, like.new_zeros(channels), stride, around, groups=channels, terms=count + 1)
