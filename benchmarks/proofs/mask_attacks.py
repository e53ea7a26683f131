"""Attacks on masked models that look for images which break a certificate: there are none, if it is right.

All change one block of pixels alone, the most that a certificate allows, and keep to whole grey levels.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from benchmarks.pictures import UInt8
from pixelproof.defences import MaskedClassifier
from pixelproof.models.query import Scorer, classes
from pixelproof.units import to_unit

ROWS = 64
LEVELS = 255


@dataclass
class Tried:
    """How many images were tried, and how many of them got another class."""

    images: int = 0
    broken: int = 0


def within(shape: tuple[int, ...], block: int, patch: int) -> list[tuple[slice, slice]]:
    """What may change: the tiles of ``block`` where a certificate is about one pixel (whatever happens inside a tile is
    covered too), every place of a patch where it is about a patch."""
    side, step = (block, block) if patch == 1 else (patch, 1)
    tops, lefts = (range(0, length - (0 if patch == 1 else patch - 1), step) for length in shape)
    return [(slice(top, top + side), slice(left, left + side)) for top in tops for left in lefts]


def random_fills(classifier: MaskedClassifier, image: UInt8, label: int, tries: int, rng: np.random.Generator) -> Tried:
    """Random contents of random places: noise, one colour, corner colours, single pixels, pieces of the negative."""
    masks = classifier.masks
    places = within(image.shape[:2], masks.block, masks.patch)
    scorer, tried = Scorer(classifier, ROWS, torch.device("cpu")), Tried()
    while tried.images < tries:
        batch = np.repeat(image[None], ROWS, axis=0)
        for one in batch:
            place = places[rng.integers(len(places))]
            one[place] = _content(one[place], image, int(rng.integers(5)), rng)
        answers = classes(scorer(torch.from_numpy(batch).float()))
        tried.images += ROWS
        tried.broken += int((answers != label).sum())
    return tried


def _content(old: UInt8, image: UInt8, kind: int, rng: np.random.Generator) -> UInt8:
    height, width, channels = old.shape
    if kind == 0:
        return rng.integers(0, LEVELS + 1, old.shape).astype(np.uint8)
    if kind == 1:
        return np.broadcast_to(rng.integers(0, LEVELS + 1, channels).astype(np.uint8), old.shape)
    if kind == 2:
        return (LEVELS * rng.integers(0, 2, old.shape)).astype(np.uint8)
    if kind == 3:
        new = old.copy()
        new[rng.integers(height), rng.integers(width)] = LEVELS * rng.integers(0, 2, channels)
        return new
    top, left = (int(rng.integers(all_ - some + 1)) for all_, some in zip(image.shape, old.shape[:2], strict=False))
    return LEVELS - image[top : top + height, left : left + width]


def climb(classifier: MaskedClassifier, image: UInt8, label: int, steps: int, generator: torch.Generator) -> Tried:
    """An attacker who knows the rule and has the gradients: at every place he drives the mean margin behind the masks
    down by sign steps from a random start, which is what the majority of the first round and the scores go by."""
    masks = classifier.masks
    places = within(image.shape[:2], masks.block, masks.patch)
    tried = Tried()
    for some in (places[k : k + 8] for k in range(0, len(places), 8)):
        free = torch.zeros(len(some), 1, *image.shape[:2])
        for one, place in zip(free, some, strict=True):
            one[0][place] = 1
        clean = to_unit(torch.from_numpy(image.copy())[None]).repeat(len(some), 1, 1, 1).contiguous()
        seen = torch.where(free > 0, torch.rand(clean.shape, generator=generator), clean)
        for step in range(steps):
            seen = (seen * LEVELS).round().div(LEVELS).requires_grad_()
            scores = classifier.scores(seen)
            tried.images += len(some)
            tried.broken += int((classes(scores.detach()) != label).sum())
            (gradient,) = torch.autograd.grad(_margin(scores, label).sum(), seen)
            size = 0.5 * (1 - step / steps) + 1 / LEVELS
            seen = torch.where(free > 0, (seen.detach() - size * gradient.sign()).clamp(0, 1), clean)
    return tried


def _margin(scores: Tensor, label: int) -> Tensor:
    others = torch.cat([scores[:, :label], scores[:, label + 1 :]], dim=1)
    return scores[:, label] - others.amax(1)
