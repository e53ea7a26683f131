"""The checker of masks: its own blocks, its own way to fill them, and what every two masks leave asked about again.

It shares ``models/query.py``, the way of asking, with the masked model and with what proved, and nothing else; of the
masked model it asks only whether what a block hides is really without influence on its answers.
"""

from collections.abc import Iterator
from itertools import combinations, product
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from pixelproof.data.imageset import UInt8Array
from pixelproof.models.classifier import Classifier
from pixelproof.models.query import ask_whole, classes
from pixelproof.models.scores import log_scores
from pixelproof.runs.record import Certificate

ROWS = 64  # of every call

Place = tuple[int, int]  # row, column
Floats = npt.NDArray[np.float64]


def check_masks(certificate: Certificate, image: UInt8Array, label: int, classifier: Classifier) -> str | None:
    """Why ``certificate`` does not show that ``classifier``, a masked model, answers ``label`` around ``image`` H×W×C.

    The reason is a clause without a full stop; None where it holds.
    """
    masks = getattr(classifier, "masks", None)
    inner: Classifier | None = getattr(classifier, "classifier", None)
    if masks is None or inner is None:
        return "the model is not masked"
    numbers = [certificate.body.get(key) for key in ("block", "pixels", "patch")]
    if numbers != [masks.block, masks.pixels, masks.patch]:
        return f"it is about masks with {numbers} for block, pixels and patch, not those of the model, {masks.spec}"
    if not (certificate.constraint == "few-pixel" and certificate.threshold <= masks.pixels):
        return f"masks for {masks.pixels} do not reach {certificate.constraint}, th = {certificate.threshold:g}"
    blocks = _blocks(image.shape[:2], masks.block, masks.patch)
    return (
        _uncovered(image.shape[:2], masks.patch, blocks)
        or _leak(classifier, image, blocks)
        or _wrong(inner, image, label, blocks, masks.pixels)
    )


def _blocks(shape: tuple[int, ...], block: int, patch: int) -> list[frozenset[Place]]:
    """The pixels of every block, row by row: tiles of ``block``, each with ``patch`` − 1 pixels more."""
    found = []
    for top, left in product(*(range(0, length - patch + 1, block) for length in shape)):
        rows, columns = (
            range(start, min(start + block + patch - 1, length))
            for start, length in zip((top, left), shape, strict=True)
        )
        found.append(frozenset(product(rows, columns)))
    return found


def _uncovered(shape: tuple[int, ...], patch: int, blocks: list[frozenset[Place]]) -> str | None:
    """Where a patch lies in no block, tried at every place."""
    for top, left in product(*(range(length - patch + 1) for length in shape)):
        pixels = set(product(range(top, top + patch), range(left, left + patch)))
        if not any(pixels <= block for block in blocks):
            return f"no block holds the patch at row {top}, column {left}"
    return None


def _leak(classifier: Any, image: UInt8Array, blocks: list[frozenset[Place]]) -> str | None:
    """Which block's pixels, turned to their opposites, change what the masked model says of the image without them."""
    pair = torch.empty(2, image.shape[2], *image.shape[:2])
    for number, block in enumerate(blocks):
        opposite = image.copy()
        rows, columns = zip(*block, strict=True)
        opposite[rows, columns] = 255 - opposite[rows, columns]
        pair[0], pair[1] = (torch.from_numpy(each).permute(2, 0, 1).float() / 255 for each in (image.copy(), opposite))
        with torch.no_grad():
            scores = classifier.masked_scores(pair, torch.arange(2), torch.tensor([[number], [number]]))
        if not torch.equal(scores[0], scores[1]):
            return f"the masked model still sees what block {number} hides"
    return None


def _wrong(inner: Classifier, image: UInt8Array, label: int, blocks: list[frozenset[Place]], pixels: int) -> str | None:
    """Which union of two masks, of ``pixels`` blocks each, leaves an image that is no ``label``."""
    clean = image.astype(np.float64) / 255
    for unions in _batches(len(blocks), pixels):
        images = np.stack([_filled(clean, frozenset().union(*(blocks[k] for k in union))) for union in unions])
        with torch.no_grad():
            scores = ask_whole(inner, torch.from_numpy(images).permute(0, 3, 1, 2).float().contiguous(), ROWS)
        for union, answer in zip(unions, classes(log_scores(scores, inner.kind)).tolist(), strict=True):
            if answer != label:
                return f"without the blocks {', '.join(map(str, union))} the model answers {answer}, not {label}"
    return None


def _batches(number: int, pixels: int) -> Iterator[list[tuple[int, ...]]]:
    """Every set of ``pixels`` to 2 · ``pixels`` of ``number`` blocks."""
    batch: list[tuple[int, ...]] = []
    for size in range(pixels, min(2 * pixels, number) + 1):
        for union in combinations(range(number), size):
            batch.append(union)
            if len(batch) == ROWS:
                yield batch
                batch = []
    if batch:
        yield batch


def _filled(clean: Floats, hidden: frozenset[Place]) -> Floats:
    """``clean`` H×W×C with every pixel in ``hidden`` the mean of the known ones that it touches, rings after rings."""
    values, left = clean.copy(), set(hidden)
    while left:
        ring: dict[Place, Floats] = {}
        for row, column in left:
            near = product(range(row - 1, row + 2), range(column - 1, column + 2))
            known = [values[place] for place in near if place not in left and _inside(place, clean.shape)]
            if known:
                ring[row, column] = sum(known[1:], known[0]) / len(known)
        if not ring:
            ring = {place: np.full(clean.shape[2], 0.5) for place in left}
        for place, value in ring.items():
            values[place] = value
        left -= ring.keys()
    return values


def _inside(place: Place, shape: tuple[int, ...]) -> bool:
    return 0 <= place[0] < shape[0] and 0 <= place[1] < shape[1]
