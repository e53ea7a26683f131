"""What the engine relies on in a corruption."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from pixelproof.conformance.check import Checks, images, repeated, require, same, unchanged
from pixelproof.conformance.runs import assessed, perturbed
from pixelproof.corruptions.corruption import Corruption
from pixelproof.corruptions.suites import make, table_for
from pixelproof.errors import InputError
from pixelproof.plugins import Plugin
from pixelproof.results.perturbations import PerturbationRecord

SIZES = ((32, 32, 3), (28, 30, 1))
SAMPLES, SEED = 5, 3


def _corruption(plugin: Plugin) -> Corruption:
    return make(plugin.name, table_for(SIZES[0]))


def _cases(plugin: Plugin) -> Iterator[tuple[Corruption, Tensor, float]]:
    """The corruption, images, and a strength on the way to each end, and at it."""
    corruption = _corruption(plugin)
    for size in SIZES:
        for end in corruption.ends:
            for part in (0.5, 1.0):
                yield corruption, images(SAMPLES, size), corruption.none + part * (end - corruption.none)


def strengths(plugin: Plugin) -> None:
    corruption, shown = _corruption(plugin), images(SAMPLES, SIZES[0])
    require(same(corruption(shown, corruption.none, SEED), shown), f"strength {corruption.none:g} changes images")
    for end in corruption.ends:
        require(not same(corruption(shown, end, SEED), shown), f"strength {end:g}, an end, changes nothing")
    try:
        corruption(shown, math.nan, SEED)
    except InputError:
        return
    require(False, "it takes NaN as a strength; let check raise InputError for what is out of range")


def shapes(plugin: Plugin) -> None:
    """Of colours and of grey, in 8 bits; what it is given stays as it is."""
    for corruption, shown, strength in _cases(plugin):
        found = corruption(shown, strength, SEED)
        require(found.shape == shown.shape, f"it makes {tuple(found.shape)} of {tuple(shown.shape)}")
        require(bool(found.isfinite().all()), f"it gives numbers that are not finite at strength {strength:g}")
        unchanged(lambda given, c=corruption, s=strength: c(given, s, SEED), shown, "the corruption")  # type: ignore[misc]


def determinism(plugin: Plugin) -> None:
    for corruption, shown, strength in _cases(plugin):
        repeated(lambda c=corruption, i=shown, s=strength: c(i, s, SEED), "the corruption")  # type: ignore[misc]


def independence(plugin: Plugin) -> None:
    """Of an image from the others, and of how they lie in memory."""
    rows = torch.tensor([4, 1])
    for corruption, shown, strength in _cases(plugin):
        together = corruption(shown, strength, SEED)
        alone = corruption(shown[rows], strength, SEED)
        require(same(together[rows], alone), "what it makes of an image depends on the images beside it")
        laid = corruption(shown.contiguous(memory_format=torch.channels_last), strength, SEED)
        require(torch.equal(laid, together), "what it makes of an image depends on how it lies in memory")


def runs(plugin: Plugin) -> None:
    perturbed(plugin, PerturbationRecord, SIZES[0])
    corruption = _corruption(plugin)
    if corruption.smallest <= 8:
        assessed(plugin, corruption=f"{plugin.name}({corruption.ends[0]:g})")


CHECKS: Checks = {
    "strengths": strengths,
    "shapes and dtypes": shapes,
    "it follows from image, strength and seed": determinism,
    "images do not depend on each other": independence,
    "a run resumes to the same records": runs,
}
