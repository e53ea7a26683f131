"""Does the model answer the same images alike every time? A single repetition misses what is drawn from few values."""

from collections.abc import Collection, Iterator

import numpy as np
import torch

from pixelproof.data import ImageSet
from pixelproof.jobs.audit.context import to_images
from pixelproof.jobs.preflight import RANDOM_OUTPUT
from pixelproof.models import Classifier
from pixelproof.models.query import Asked, ask
from pixelproof.runs import Finding

_IMAGES = 8
#: Calls, so that one of four members drawn at a time is found but once in 10¹⁴ audits, and a draw that happens but
#: once in ten calls in 92 of a hundred.
_CALLS = 24


def repetition(
    model: Classifier, data: ImageSet, device: torch.device, known: Collection[Finding], asked: Asked | None = None
) -> Iterator[Finding]:
    """That answers are random, where the preflight, among whose ``known`` findings it is not, did not see it."""
    if any(each.name == RANDOM_OUTPUT for each in known):
        return
    images = to_images(np.array(data.images[: min(_IMAGES, len(data))]), device)
    first = ask(model, images, asked, "preflight")
    for call in range(2, _CALLS + 1):
        if not torch.equal(ask(model, images, asked, "preflight"), first):
            text = f"The model answered the same images differently at call {call}, and as before at those until then"
            yield Finding(RANDOM_OUTPUT, "warning", f"{text}; its answers are random, so it is asked in expectation.")
            return
