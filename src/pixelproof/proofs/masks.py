"""Masks: what every mask and every two together leave of an image gets the right class, so no change inside one counts.

Xiang, Mahloujifar & Mittal, "PatchCleanser: Certifiably Robust Defense against Adversarial Patches for Any Image
Classifier", USENIX Security 2022, section 3.4 (two-mask correctness). Complete only for the condition: what is not
certified here need not be broken.
"""

import time
from collections.abc import Iterator
from itertools import combinations, islice

import torch
from torch import Tensor

from pixelproof.attacks.fitness import fitness
from pixelproof.data.imageset import UInt8Array
from pixelproof.defences.masked import ROWS, MaskedClassifier
from pixelproof.models.classifier import Classifier
from pixelproof.models.query import NO_CLASS, classes
from pixelproof.proofs.attempt import Attempt
from pixelproof.units import to_unit


def refusal(classifier: Classifier, threshold: int) -> str | None:
    """Why masks certify nothing about ``classifier`` within ``threshold`` pixels; None where they may."""
    if not isinstance(classifier, MaskedClassifier):
        return "masks certify a masked model, and this one is not; add --defence masks(4)"
    if threshold > classifier.masks.pixels:
        return f"{classifier.masks.name} certifies {classifier.masks.certified}, not {threshold} pixels"
    return None


def prove_masks(
    classifier: MaskedClassifier, image: UInt8Array, label: int, seconds: float, device: torch.device | None = None
) -> Attempt:
    """Ask what ``classifier``'s model says of ``image`` H×W×C behind all its masks and all pairs of them.

    All must say ``label``. The union of two masks of t blocks has t to 2t blocks, and each such union is asked about
    once: for t = 1 and B blocks that is B(B+1)/2 images. The answers are those that the decision rule gets, in the very
    floats that it gets them in. After ``seconds`` it is left open.
    """
    begun, height, width = time.perf_counter(), *image.shape[:2]
    clean = to_unit(torch.from_numpy(image.copy())[None].to(device))
    asked, lowest, reason = 0, float("inf"), ""
    total = len(classifier.masks.blocks(height, width))
    for unions in _unions(total, classifier.masks.pixels):
        if time.perf_counter() - begun > seconds:
            reason = f"out of seconds: {asked:,} masked images asked about, all of the right class"
            break
        blocks = torch.tensor(unions, device=clean.device)
        with torch.no_grad():
            scores = classifier.masked_scores(clean, torch.zeros_like(blocks[:, 0]), blocks)
        asked += len(unions)
        wrong = (classes(scores) != label).nonzero()
        if len(wrong):
            first = int(wrong[0])
            reason = _reason(int(classes(scores)[first]), label, classifier.masks.blocks(height, width), unions[first])
            break
        margins = fitness("margin", scores, torch.full_like(blocks[:, 0], label), None)
        lowest = min(lowest, float(margins.min()))
    body = {} if reason else _body(classifier, label, asked, lowest)
    return Attempt(not reason, reason, asked, asked, time.perf_counter() - begun, body)


def _unions(number: int, pixels: int) -> Iterator[list[tuple[int, ...]]]:
    """The unions of two masks, each ``pixels`` of ``number`` blocks, as numbers of blocks: batches of equally many."""
    sizes = range(pixels, min(2 * pixels, number) + 1)
    for unions in (combinations(range(number), size) for size in sizes):
        yield from iter(lambda some=unions: list(islice(some, ROWS)), [])  # type: ignore[misc]


def _reason(answer: int, label: int, layout: Tensor, blocks: tuple[int, ...]) -> str:
    """Which masked image gets which answer: as ``class 3, not 5, with the block at row 4, column 0 hidden``."""
    corners = [layout[each].nonzero()[0].tolist() for each in blocks]
    places = " and ".join(f"row {row}, column {column}" for row, column in corners)
    said = "no class" if answer == NO_CLASS else f"class {answer}"
    plural = "block" if len(blocks) == 1 else "blocks"
    return f"the model says {said}, not {label}, with the {plural} at {places} hidden"


def _body(classifier: MaskedClassifier, label: int, asked: int, lowest: float) -> dict[str, object]:
    """What the checker reads: the masks by their numbers, and in words what they are for."""
    masks = classifier.masks
    return {
        "format": 1,
        "label": label,
        "block": masks.block,
        "pixels": masks.pixels,
        "patch": masks.patch,
        "certified": masks.certified,
        "count": asked,
        "margin": lowest,
    }
