"""A model as it is typed: its name, and parameters behind it, as in ``onnx:FILE,layout=nhwc,normalise=imagenet``."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

import torch

from pixelproof.errors import ModelError
from pixelproof.models.normalise import STATISTICS, Normalisation
from pixelproof.parameters import unknown

Default = TypeVar("Default", float, None)
_MOST = 1e9  # of any parameter that is a number: of classes, images, seconds
#: Parameters that every kind of model has.
COMMON = ("mean", "std", "scale", "normalise", "kind", "classes")


@dataclass(frozen=True)
class Given:
    """What is known of a model before it is loaded: the ``spec`` as typed, its ``place`` without kind and parameters.

    ``device`` is where it is to compute; None: where it is. ``trust_code``: whether its files may run code.
    """

    spec: str
    place: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    device: torch.device | None = None
    trust_code: bool = False

    def choose(self, name: str, among: tuple[str, ...], default: str) -> str:
        """The value of a parameter that is one of a few. Raises ``ModelError`` for another."""
        value = self.parameters.get(name, default)
        if value not in among:
            raise ModelError(f"{name}={value} in {self.spec!r} is not known; expected one of {', '.join(among)}.")
        return value

    def number(self, name: str, default: Default, whole: bool = False) -> float | Default:
        """The value of a parameter that is a number above 0. Raises ``ModelError`` for another."""
        if (text := self.parameters.get(name)) is None:
            return default
        with suppress(ValueError):
            if 0 < (value := float(text)) < _MOST and (not whole or value.is_integer()):
                return value
        kind = "whole number" if whole else "number"
        raise ModelError(f"{name}={text} in {self.spec!r} is no {kind} above 0; expected one, as in {name}=10.")

    def check(self, *known: str) -> None:
        """Raise ``ModelError`` for a parameter that is none of ``known`` or of those that every model has."""
        if reason := unknown(self.spec, self.parameters, (*known, *COMMON)):
            raise ModelError(reason)

    def normalisation(self) -> Normalisation | None:
        """What is done to images in [0, 1] before the model, where the spec says so."""
        given = {name: self.parameters[name] for name in ("mean", "std", "scale") if name in self.parameters}
        if (name := self.parameters.get("normalise")) is not None:
            if given:
                raise ModelError(f"{self.spec!r} gives both normalise and {min(given)}; expected one of the two.")
            if name not in STATISTICS:
                raise ModelError(
                    f"normalise={name} in {self.spec!r} is not known; expected {', '.join(STATISTICS)}, or mean=… and "
                    "std=… with one number, or one a channel joined by colons."
                )
            return STATISTICS[name]
        if not given:
            return None
        numbers = {name: self._numbers(name, text) for name, text in given.items()}
        return Normalisation(numbers.get("mean", (0.0,)), numbers.get("std", (1.0,)), numbers.get("scale", (1.0,))[0])

    def _numbers(self, name: str, text: str) -> tuple[float, ...]:
        try:
            return tuple(float(each) for each in text.split(":"))
        except ValueError:
            raise ModelError(
                f"{name}={text} in {self.spec!r} is no number; expected one, or one a channel joined by colons, as in "
                "mean=0.485:0.456:0.406."
            ) from None
