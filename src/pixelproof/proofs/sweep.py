"""The sweep: every image that differs from a grey one in one pixel, put to the model.

It is complete, takes any model as it is, and holds for the very floats that the model computes with.
"""

import time
from collections.abc import Iterator

import torch
from torch import Tensor

from pixelproof.data.imageset import UInt8Array
from pixelproof.models.query import NO_CLASS, Scorer, classes
from pixelproof.proofs.attempt import Attempt

#: Other values than its own that a grey pixel can have.
OTHERS = 255


def refusal(shape: tuple[int, int, int]) -> str | None:
    """Why images of ``shape`` (height, width, channels) cannot be swept; None where they can."""
    if shape[2] == 1:
        return None
    return (
        f"a sweep asks about every value of every grey pixel, but these images have {shape[2]} channels "
        f"(256^{shape[2]} colours a pixel); use bounds"
    )


def sweep(scorer: Scorer, image: UInt8Array, label: int, seconds: float) -> Attempt:
    """Ask about all H·W·255 images within one pixel of the grey ``image`` H×W×1, or until one is no ``label``.

    After ``seconds`` it is left open.
    """
    begun, before, total = time.perf_counter(), scorer.queries, image.size * OTHERS
    found, reason = None, ""
    for batch in neighbours(image, scorer.batch_size, scorer.device):
        answers = classes(scorer(batch))
        asked = scorer.queries - before
        if bool((answers == NO_CLASS).any()):
            reason = "the model's scores were no numbers"
        elif bool((other := answers != label).any()):
            found = batch[other][0].to("cpu", torch.uint8).numpy()
        elif asked < total and time.perf_counter() - begun > seconds:
            reason = f"out of seconds: {asked:,} of {total:,} images asked about, none of them another class"
        if reason or found is not None:
            break
    proved = found is None and not reason
    asked = scorer.queries - before
    body = {"format": 1, "label": label, "count": asked} if proved else {}
    return Attempt(proved, reason, asked, asked, time.perf_counter() - begun, body, found)


def neighbours(image: UInt8Array, size: int, device: torch.device) -> Iterator[Tensor]:
    """Every image that differs from ``image`` H×W×1 in one value, in batches of ``size``: n×H×W×1, float32 0–255."""
    clean = torch.from_numpy(image.copy()).to(device).flatten()
    for numbers in torch.split(torch.arange(clean.numel() * OTHERS, device=device), size):
        position, value = numbers // OTHERS, numbers % OTHERS
        value += value >= clean[position]  # passing over the pixel's own
        batch = clean.float().repeat(len(numbers), 1)
        batch[torch.arange(len(numbers), device=device), position] = value.float()
        yield batch.view(-1, *image.shape)
