"""Backward pass differentiable approximation: gradients past a defence that has none, or only useless ones.

Athalye, Carlini & Wagner, "Obfuscated Gradients Give a False Sense of Security", ICML 2018, section 4.1.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

import torch
from torch import Tensor

from pixelproof.defences.preprocessor import Preprocessor, encodes


@runtime_checkable
class HasStandIn(Protocol):
    """A preprocessor that names a differentiable function much like itself."""

    def stand_in(self, images: Tensor) -> Tensor:
        """Nearly what the preprocessor makes of ``images``, float32 N×C×H×W in [0, 1], with gradients."""
        ...


@dataclass(frozen=True)
class Bpda:
    """``preprocessor`` as it is forwards; backwards its stand-in where it has one, otherwise the identity.

    The identity is what the paper takes for defences that give back about the image they got, such as JPEG compression
    and total variance minimisation.
    """

    preprocessor: Preprocessor

    differentiable: ClassVar[bool] = True

    @property
    def name(self) -> str:
        return f"bpda({self.preprocessor.name})"

    @property
    def spec(self) -> str:
        return f"bpda({self.preprocessor.spec})"

    @property
    def encodes(self) -> bool:
        return encodes(self.preprocessor)

    def __call__(self, images: Tensor) -> Tensor:
        """What the preprocessor makes of ``images``, float32 N×C×H×W in [0, 1], bit for bit."""
        exact = self.preprocessor(images.detach())
        if not (torch.is_grad_enabled() and images.requires_grad):
            return exact
        near = self.preprocessor.stand_in(images) if isinstance(self.preprocessor, HasStandIn) else images
        return in_place_of(near, exact)


def in_place_of(near: Tensor, exact: Tensor) -> Tensor:
    """The values of ``exact`` with the gradients of ``near``, of the same shape."""
    passed: Tensor = _InPlaceOf.apply(near, exact)  # type: ignore[no-untyped-call]
    return passed


class _InPlaceOf(torch.autograd.Function):
    """The values of the second argument with the gradients of the first."""

    @staticmethod
    def forward(ctx: Any, near: Tensor, exact: Tensor) -> Tensor:
        return exact.view_as(exact)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0], None
