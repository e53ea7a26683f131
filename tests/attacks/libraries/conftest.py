"""A tiny library in the manner of torchattacks, whose every call is known."""

from __future__ import annotations

import random
import sys
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import Tensor, nn


class Attack:
    """What every attack of torchattacks derives from."""

    supported_mode = ("default", "targeted")

    def __init__(self, model: nn.Module) -> None:
        self.model, self.targeted = model, False

    def set_mode_targeted_by_label(self, quiet: bool = False) -> None:
        self.targeted = True


class Step(Attack):
    """``steps`` gradient steps of a quarter of ``eps`` each, one more forward pass at the end."""

    def __init__(self, model: nn.Module, eps: float = 8 / 255, steps: int = 3) -> None:
        super().__init__(model)
        if steps < 1:
            raise ValueError("steps must be positive.")
        self.eps, self.steps = eps, steps

    def __call__(self, images: Tensor, labels: Tensor) -> Tensor:
        for _ in range(self.steps):
            images = images.detach().requires_grad_()
            loss = nn.functional.cross_entropy(self.model(images), labels, reduction="sum")
            loss.backward()
            images = images + images.grad.sign() * self.eps / 4 * (-1 if self.targeted else 1)
        self.model(images.double())
        return images


class Noise(Attack):
    """Noise of every global source of random numbers, and of one that seeds itself."""

    supported_mode = ("default",)  # type: ignore[assignment]

    def __init__(self, model: nn.Module, std: float) -> None:
        super().__init__(model)
        self.std = std

    def __call__(self, images: Tensor, labels: Tensor) -> Tensor:
        drawn = np.random.rand(*images.shape) + np.random.RandomState().rand(*images.shape)  # noqa: NPY002
        return images + self.std * (torch.randn_like(images) + torch.from_numpy(drawn) + random.random())


class DeepFool(Noise):
    """Image after image, and named after one that is known to work so: as many questions as it has bright pixels."""

    def __call__(self, images: Tensor, labels: Tensor) -> Tensor:
        for image in images:
            for _ in range(int((image > 0.5).sum())):
                self.model(image[None])
        return super().__call__(images, labels)


class Square(Attack):
    """Gives every image back but those whose first pixel is 0 (NaN) or 1 (an error); sees scores only."""

    def __call__(self, images: Tensor, labels: Tensor) -> Tensor:
        first = images[:, 0, 0, 0]
        if bool((first == 1).any()):
            raise IndexError("out of range")
        return torch.where(first[:, None, None, None] == 0, torch.nan, 1 - images)


class Part(Attack):
    """Asks about the first three images, twice."""

    def __call__(self, images: Tensor, labels: Tensor) -> Tensor:
        self.model(images[:3]), self.model(images[:3])
        return images


class Patch(Attack):
    """Returns one patch for all images."""

    def __call__(self, images: Tensor, labels: Tensor) -> Tensor:
        return images[0]


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tiny library in place of torchattacks."""
    base, library = ModuleType("torchattacks.attack"), ModuleType("torchattacks")
    base.Attack = Attack  # type: ignore[attr-defined]
    for kind in (Attack, Step, Noise, DeepFool, Square, Part, Patch):
        setattr(library, kind.__name__, kind)
    monkeypatch.setitem(sys.modules, "torchattacks", library)
    monkeypatch.setitem(sys.modules, "torchattacks.attack", base)
