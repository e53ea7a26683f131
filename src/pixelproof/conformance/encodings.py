"""Encodings: whatever the genome, the image keeps the constraint."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from pixelproof.attacks import Encoding
from pixelproof.conformance.check import images, repeated, require, same
from pixelproof.engine.judge import Bound
from pixelproof.units import to_levels

_LANES, _POPULATION = 3, 5


def check_encoding(
    encoding: Encoding, constraint: Literal["few-pixel", "threshold"], threshold: int, shape: tuple[int, int, int]
) -> None:
    """Check ``encoding`` of images of ``shape`` (H, W, C). Raises ``ConformanceError`` where it lies."""
    clean = to_levels(images(_LANES, shape)).contiguous()
    lower, upper = encoding.box(clean)
    for name, bound in (("lower", lower), ("upper", upper)):
        _require_rows(f"the {name} bound", bound, encoding.dimension)
    require(bool((lower <= upper).all()), "lower bounds lie above upper ones")
    start = repeated(lambda: encoding.start(clean, _generators()), "the start")
    _require_rows("the start", start, encoding.dimension)
    for genomes in _genomes(start, lower, upper):
        before = clean.clone()
        found = repeated(lambda genomes=genomes: encoding.decode(genomes, clean), "the decoded image")  # type: ignore[misc]
        require(torch.equal(clean, before), "decoding changes the clean images; work on a copy")
        expected = (_LANES * _POPULATION, *shape)
        require(found.shape == expected, f"decoded images are {tuple(found.shape)}, expected {expected}")
        inside = Bound(constraint, threshold).allows(found, clean.repeat_interleave(_POPULATION, 0))
        require(
            bool(inside.all()),
            f"{int((~inside).sum())} of {len(inside)} decoded images are no 8-bit images within {constraint} "
            f"th = {threshold}",
        )
        alone = encoding.decode(genomes[1:2], clean[1:2])
        require(same(alone, found[_POPULATION : 2 * _POPULATION]), "an image depends on which others are decoded")


def _genomes(start: Tensor, lower: Tensor, upper: Tensor) -> list[Tensor]:
    """Inside the box, at its bounds and far outside, each n×population×dimension."""
    numbers = torch.rand(_LANES, _POPULATION, start.shape[1], generator=torch.Generator().manual_seed(5))
    within = lower[:, None] + numbers * (upper - lower)[:, None]
    corners = torch.where(numbers < 0.5, lower[:, None], upper[:, None])
    return [start[:, None].repeat(1, _POPULATION, 1), within, corners, 1e4 * (numbers - 0.5)]


def _generators() -> list[torch.Generator]:
    return [torch.Generator().manual_seed(k) for k in range(_LANES)]


def _require_rows(what: str, rows: Tensor, dimension: int) -> None:
    expected = (_LANES, dimension)
    fits = rows.shape == expected and rows.dtype == torch.float32 and bool(rows.isfinite().all())
    require(fits, f"{what} is {tuple(rows.shape)} {rows.dtype}, expected {expected} float32, finite")
