"""Whether the samples of an assessment are all the usable ones of the images considered, image by image."""

from collections.abc import Iterator

import numpy as np

from pixelproof.data import ImageSet
from pixelproof.data.order import consideration_order
from pixelproof.jobs.assess_spec import DEFAULT_SAMPLES
from pixelproof.runs import Manifest
from pixelproof.runs.verify.answers import Predict, says, surely

#: Images that are asked about at once.
_TOGETHER = 256


def selection_problems(manifest: Manifest, data: ImageSet, predict: Predict) -> Iterator[str]:
    """What is wrong with the samples of ``manifest``, of which robust accuracy is a share."""
    chosen, settings = manifest.selection, manifest.settings
    order = consideration_order(data.labels, settings.get("shuffle"), str(settings.get("target")))
    wanted = len(order) if settings.get("samples") == "all" else settings.get("samples") or DEFAULT_SAMPLES
    enough = len(chosen.samples) == wanted or (len(chosen.samples) < wanted and chosen.considered == len(order))
    if not enough or not _usable(order[: chosen.considered], chosen.samples, data, predict, len(order)):
        yield f"The samples are not {chosen.rule}, with {chosen.considered} images considered."


def _usable(positions: np.ndarray, samples: tuple[int, ...], data: ImageSet, predict: Predict, images: int) -> bool:
    """Whether ``samples`` are those of ``positions`` that the model gets right; a near one may be among them or not."""
    taken, last = 0, False
    for start in range(0, len(positions), _TOGETHER):
        part = positions[start : start + _TOGETHER]
        rows = predict(list(data.images[part]))
        for position, row in zip(part.tolist(), rows, strict=True):
            label = int(data.labels[position])
            last = taken < len(samples) and samples[taken] == int(data.indices[position])
            if not (says(row, label) if last else not surely(row, label)):
                return False
            taken += last
    return taken == len(samples) and (last or len(positions) == images)
