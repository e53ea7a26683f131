"""What an attack by name is: parameters, what it needs of a model, how far it may go, and one call."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import fields
from math import isfinite
from typing import ClassVar, Literal

from torch import Tensor

from pixelproof.attacks.goal import Goal
from pixelproof.attacks.norm_ball import NormBall
from pixelproof.attacks.oracle import Oracle
from pixelproof.errors import InputError
from pixelproof.seeds import Streams

Needs = Literal["gradients", "scores", "labels"]


class Attack(ABC):
    """An attack on a batch of images. Subclasses are frozen dataclasses whose fields are the parameters.

    ``name`` is its spec without parameters; ``needs`` what it must see of the model; ``together`` says whether
    all samples are attacked by one call (a universal perturbation), rather than in cohorts.
    """

    name: ClassVar[str]
    needs: ClassVar[Needs] = "gradients"
    together: ClassVar[bool] = False

    @property
    def ball(self) -> NormBall | None:
        """How far it may go; None where it seeks the nearest image, or one that people still recognise."""
        return None

    @property
    def spec(self) -> str:
        """Its name with every parameter, as it can be typed: ``pgd(norm=linf,epsilon=8,…)``."""
        values = (f"{f.name}={_text(getattr(self, f.name))}" for f in fields(self))  # type: ignore[arg-type]
        return f"{self.name}({','.join(values)})"

    @property
    def version(self) -> str | None:
        """That of the library whose attack it is; part of what decides its images."""
        return None

    @abstractmethod
    def __call__(self, oracle: Oracle, images: Tensor, goal: Goal, streams: Streams) -> Tensor:
        """Adversarial images for ``images``, both float32 N×C×H×W in [0, 1], in the same order.

        Of an image that it cannot fool it returns the best it has, or the image itself. The images of a ball lie
        inside it. What is a success the judge decides, from the 8-bit images nearest to these.
        """


def require_positive(attack: str, **values: float) -> None:
    """Raise ``InputError``, in one sentence, for the first of ``values`` that is not a number above 0."""
    for name, value in values.items():
        if not (isfinite(value) and value > 0):
            raise InputError(f"{attack} needs {name} above 0, not {value:g}.")


def _text(value: object) -> str:
    return f"{value:.12g}" if isinstance(value, float) else str(value)
