"""What an attack by name is: parameters, what it needs of a model, how far it may go, and one call."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import fields
from math import isfinite
from typing import ClassVar, Literal

from torch import Tensor

from pixelproof.attacks.goal import Goal
from pixelproof.attacks.norm_ball import Norm, NormBall
from pixelproof.attacks.oracle import Oracle
from pixelproof.attacks.pixel_ball import PixelBall
from pixelproof.errors import InputError
from pixelproof.seeds import Streams

Needs = Literal["gradients", "scores", "labels"]
Sees = Needs | Literal["surrogate"]
Ball = NormBall | PixelBall


class Attack(ABC):
    """An attack on a batch of images. Subclasses are frozen dataclasses whose fields are the parameters.

    ``name`` is its spec without parameters; ``needs`` what it must see of the model; ``positive`` the parameters that
    must be above 0, where they are given; ``together`` says whether all samples are attacked by one call (a universal
    perturbation), rather than in cohorts; ``nearest_in`` is the norm of an attack that seeks the nearest image in one
    alone, where that has levels; ``with_surrogates`` says whether it asks networks that resemble the model, too.
    Raises ``InputError`` for parameters that cannot be.
    """

    name: ClassVar[str]
    needs: ClassVar[Needs] = "gradients"
    positive: ClassVar[tuple[str, ...]] = ()
    together: ClassVar[bool] = False
    nearest_in: ClassVar[Literal["linf", "l0"] | None] = None
    with_surrogates: ClassVar[bool] = False

    def __post_init__(self) -> None:
        for name in self.positive:
            value = getattr(self, name)
            if value is not None and not (isfinite(value) and value > 0):
                raise InputError(f"{self.name} needs {name} above 0, not {value:g}.")

    @property
    def ball(self) -> Ball | None:
        """How far it may go; None where it seeks the nearest image, or one that people still recognise."""
        return None

    @property
    def aim(self) -> str | None:
        """The norm of its ball, or in which it seeks the nearest image; None where it tells of none."""
        return self.ball.norm if self.ball else self.nearest_in or getattr(self, "norm", None)

    @property
    def sees(self) -> Sees:
        """What its attacker knows: what it needs of the model, or that and all of a network that resembles it."""
        return "surrogate" if self.with_surrogates else self.needs

    @property
    def spec(self) -> str:
        """Its name with every parameter, as it can be typed: ``pgd(norm=linf,epsilon=8,…)``."""
        values = (f"{f.name}={_text(getattr(self, f.name))}" for f in fields(self))  # type: ignore[arg-type]
        return f"{self.name}({','.join(values)})"

    @property
    def version(self) -> str | None:
        """That of the library whose attack it is; part of what decides its images."""
        return None

    def parts(self) -> Iterator["Attack"]:
        """It and those that it is made of."""
        yield self

    @abstractmethod
    def __call__(self, oracle: Oracle, images: Tensor, goal: Goal, streams: Streams) -> Tensor:
        """Adversarial images for ``images``, both float32 N×C×H×W in [0, 1], in the same order.

        Of an image that it cannot fool it returns the best it has, or the image itself. The images of a ball lie
        inside it. What is a success the judge decides, from the 8-bit images nearest to these.
        """


class BallAttack(Attack):
    """An attack within ``epsilon`` grey levels of ``norm``. Raises ``InputError`` where there is no such ball."""

    norm: Norm
    epsilon: float

    def __post_init__(self) -> None:
        NormBall(self.norm, self.epsilon)
        super().__post_init__()

    @property
    def ball(self) -> NormBall:
        return NormBall(self.norm, self.epsilon)


def _text(value: object) -> str:
    return f"{value:.12g}" if isinstance(value, float) else str(value)
