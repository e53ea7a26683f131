"""Defences of the output: they change what a classifier tells of its probabilities, not what it sees."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

_EDGE = 1e-6  # far above the spacing of float32 below 1, far below what anybody rounds to


class Defence(Protocol):
    """``name`` is what people call it; ``spec`` names every parameter that decides its answers; ``differentiable``
    says whether gradients flow through it."""

    @property
    def name(self) -> str: ...

    @property
    def spec(self) -> str: ...

    @property
    def differentiable(self) -> bool: ...


@runtime_checkable
class OutputDefence(Defence, Protocol):
    """A function of each image's probabilities, and of the image, always alike for the same two."""

    def __call__(self, probabilities: Tensor, images: Tensor) -> Tensor:
        """Other weights of the classes for ``probabilities``, both float64 N×K.

        ``images``, float32 N×C×H×W in [0, 1], are what was asked about. Negative weights count as 0, and weights need
        not sum to 1.
        """
        ...


def apply_outputs(defences: Sequence[OutputDefence], probabilities: Tensor, images: Tensor) -> Tensor:
    """What is told of ``probabilities`` float64 N×K of ``images`` behind all ``defences``: rows that sum to 1.

    Where nothing is left of a row, it is flat. A service that blurs its scores still names its answer, so where the
    model's first class is level with others, as in a flat row, it stays first by 10⁻⁶. Else a tie would read as
    class 0, and a defence would look fooled where it is silent.
    """
    first = probabilities.argmax(1, keepdim=True)
    for defence in defences:
        probabilities = _normalised(defence(probabilities, images).clamp(min=0))
    level = probabilities.amax(1, keepdim=True) - probabilities.gather(1, first) < _EDGE / 10
    answer = torch.zeros_like(probabilities).scatter(1, first, 1.0)
    return torch.lerp(probabilities, answer, _EDGE * level.double())


def _normalised(weights: Tensor) -> Tensor:
    total = weights.sum(1, keepdim=True)
    nothing = total == 0
    return torch.where(nothing, 1 / weights.shape[1], weights / total.where(~nothing, 1))
