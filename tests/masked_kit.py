"""Tiny models behind masks, and every image that an attacker could make of a tiny one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product

import numpy as np
import torch
from torch import Tensor

from pixelproof.data.imageset import UInt8Array
from pixelproof.defences import MaskedClassifier, Masks
from pixelproof.models import CallableClassifier
from pixelproof.units import to_unit

LEVELS = (0, 100, 255)


def ragged(seed: int, size: int = 4, classes: int = 3, common: float = 0.7) -> CallableClassifier:
    """A model without rhyme or reason, in whole numbers: it says class 0 of about a share ``common`` of all images."""
    weights = torch.from_numpy(np.random.default_rng(seed).integers(1, 10_007, size * size))

    def answer(images: Tensor) -> Tensor:
        levels = images.flatten(1).mul(64).round().long()
        mixed = (levels * weights).sum(1) ** 2 % 10_007 / 10_007
        labels = torch.where(mixed < common, 0, 1 + (mixed * 1_000).long() % (classes - 1))
        return torch.eye(classes)[labels]

    return CallableClassifier(answer, name="ragged", kind="labels", fingerprint=f"ragged {seed}")


def smooth(seed: int, size: int = 4, classes: int = 3, lead: float = 2.0) -> CallableClassifier:
    """Two layers with random weights; class 0 has a ``lead``, that something may be certified."""
    rng = np.random.default_rng(seed)
    first = torch.from_numpy(rng.normal(size=(size * size, 12))).float()
    last = torch.from_numpy(rng.normal(size=(12, classes))).float()

    def answer(images: Tensor) -> Tensor:
        return ((images.flatten(1) - 0.5) @ first).tanh() @ last + lead * torch.eye(classes)[0]

    return CallableClassifier(answer, name="smooth", kind="logits", fingerprint=f"smooth {seed}")


def image_of(seed: int, size: int = 4) -> UInt8Array:
    """A grey image of a few ``LEVELS``."""
    return np.random.default_rng(seed).choice(LEVELS, (size, size, 1)).astype(np.uint8)


def changed_inside(image: UInt8Array, side: int, starts: range) -> Iterator[UInt8Array]:
    """Every image of ``LEVELS`` that differs from ``image`` within one square of ``side`` pixels."""
    for top, left in product(starts, starts):
        many = np.repeat(image[None], len(LEVELS) ** (side * side), axis=0)
        fills = np.array(list(product(LEVELS, repeat=side * side)), np.uint8)
        many[:, top : top + side, left : left + side] = fills.reshape(-1, side, side, 1)
        yield many


def answers(classifier: MaskedClassifier, images: UInt8Array) -> list[int]:
    """The classes of ``images`` N×H×W×C."""
    found: list[int] = classifier.scores(to_unit(torch.from_numpy(images.copy()))).argmax(1).tolist()
    return found


def models(make: Callable[..., CallableClassifier], masks: Masks, number: int) -> Iterator[MaskedClassifier]:
    """``number`` different ones of a kind."""
    for seed in range(number):
        yield MaskedClassifier(make(seed), masks)
