"""A check, how it fails, and what checks of all kinds share."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pixelproof.plugins import Plugin, blamed
from pixelproof.wording import first_line

CPU = torch.device("cpu")
SHAPE = (8, 8, 3)  # of the images that searches, attacks and defences are checked on


class ConformanceError(AssertionError):
    """What does not hold, in a sentence for the plug-in's author."""


def require(holds: object, sentence: str) -> None:
    """Raise ``ConformanceError`` with ``sentence`` unless it ``holds``."""
    if not holds:
        raise ConformanceError(sentence)


#: By what must hold, the function that looks, and raises where it does not.
Checks = Mapping[str, Callable[[Plugin], None]]


@dataclass(frozen=True)
class Check:
    """One thing that must hold of a plug-in; called, it raises ``ConformanceError`` where it does not."""

    plugin: Plugin
    holds: str
    function: Callable[[Plugin], None]

    def __str__(self) -> str:
        return f"{self.plugin.noun} {self.plugin.name}: {self.holds}"

    def __call__(self) -> None:
        try:
            with blamed():
                self.function(self.plugin)
        except ConformanceError:
            raise
        except Exception as error:
            raise ConformanceError(first_line(error)) from error


def repeated(call: Callable[[], Tensor], what: str) -> Tensor:
    """What ``call`` gives; twice the same, whatever the process drew before, and without drawing from it."""
    with _drawn(1):
        before = torch.get_rng_state()
        first = call()
        untouched = torch.equal(before, torch.get_rng_state())
    with _drawn(2):
        second = call()
    require(
        same(first, second), f"{what} differs from one call to the next; draw from nothing but what the call is given"
    )
    require(untouched, f"{what} draws from torch's global generator; draw from nothing but what the call is given")
    return first


def same(one: Tensor, other: Tensor) -> bool:
    """Whether both are bit for bit the same."""
    return one.shape == other.shape and one.dtype == other.dtype and torch.equal(one, other)


@contextmanager
def _drawn(seed: int) -> Iterator[None]:
    """Another state of all global generators; put back after."""
    before = random.getstate(), np.random.get_state()  # noqa: NPY002  # those that plug-ins must not depend on
    with torch.random.fork_rng(devices=[]):
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        torch.manual_seed(seed)
        try:
            yield
        finally:
            random.setstate(before[0])
            np.random.set_state(before[1])  # noqa: NPY002


def images(count: int, size: tuple[int, int, int] = SHAPE, seed: int = 0) -> Tensor:
    """8-bit images of ``size`` (H, W, C), smooth with some noise: float32 N×C×H×W in [0, 1]."""
    height, width, channels = size
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, channels, 4, 4, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear")
    noise = 0.1 * torch.rand(count, channels, height, width, generator=generator)
    return ((0.9 * smooth + noise) * 255).round() / 255


def unchanged(call: Callable[[Tensor], object], given: Tensor, what: str) -> None:
    """``call`` must leave its argument as it is."""
    before = given.clone()
    call(given)
    require(torch.equal(given, before), f"{what} changes the tensor that it is given; work on a copy")
