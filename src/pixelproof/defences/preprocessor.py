"""What a preprocessing defence is, and several of them one after another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from torch import Tensor


@runtime_checkable
class Preprocessor(Protocol):
    """A function of images that treats each by itself and the same one always alike, on any device.

    ``name`` is what people call it; ``spelling`` names every parameter that decides its answers; ``differentiable``
    says whether gradients flow through it.
    """

    @property
    def name(self) -> str: ...

    @property
    def spelling(self) -> str: ...

    @property
    def differentiable(self) -> bool: ...

    def __call__(self, images: Tensor) -> Tensor:
        """Other images for ``images``, both float32 N×C×H×W in [0, 1]."""
        ...


@dataclass(frozen=True)
class Chain:
    """``steps`` one after another, each applied to what the one before it gave."""

    steps: tuple[Preprocessor, ...]

    @property
    def name(self) -> str:
        return " + ".join(step.name for step in self.steps)

    @property
    def spelling(self) -> str:
        return "+".join(step.spelling for step in self.steps)

    @property
    def differentiable(self) -> bool:
        return all(step.differentiable for step in self.steps)

    def __call__(self, images: Tensor) -> Tensor:
        for step in self.steps:
            images = step(images)
        return images
