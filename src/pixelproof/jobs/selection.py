"""Which samples are attacked: the first correctly classified images, in file order or shuffled."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pixelproof.data import ImageSet
from pixelproof.data.imageset import UInt8Array
from pixelproof.data.order import consideration_order
from pixelproof.engine import Sample
from pixelproof.engine.settings import Settings
from pixelproof.errors import InputError
from pixelproof.jobs.assess_spec import DEFAULT_SAMPLES
from pixelproof.models.query import Scorer, classes
from pixelproof.runs import Selection
from pixelproof.runs.targets import target_class


def select(scorer: Scorer, data: ImageSet, settings: Settings) -> tuple[Selection, list[Sample]]:
    """The first ``settings.samples`` images of ``data`` that the model gets right, and the selection as it is kept.

    Where ``settings.samples`` is None, up to ``DEFAULT_SAMPLES`` are taken, where it is ``all``, all. Images of the
    target class itself are passed over when the attack is aimed at one class. Raises ``InputError`` when there are too
    few.
    """
    wanted = len(data) if settings.samples == "all" else settings.samples or DEFAULT_SAMPLES
    least = settings.samples if isinstance(settings.samples, int) else 1
    order = consideration_order(data.labels, settings.shuffle, settings.target)
    kept = _Kept(min(wanted, len(order)), data)
    considered = 0
    for start in range(0, len(order), scorer.batch_size):
        positions = order[start : start + scorer.batch_size]
        for row, usable in _batch(scorer, data, positions, settings):
            if len(kept) < wanted:
                considered += 1
                if usable:
                    kept.add(row)
        if len(kept) == wanted:
            break
    samples = kept.samples()
    if len(samples) < least:
        needed = f"{wanted} samples are asked for" if least > 1 else "At least 1 sample is needed"
        raise InputError(
            f"{needed}, but only {len(samples)} of the {len(data)} images are classified correctly "
            "(and are not of the target class); lower --samples or widen --range."
        )
    return Selection(
        rule(len(samples), settings), considered, _indices(samples), tuple(s.label for s in samples)
    ), samples


def restore(
    scorer: Scorer, data: ImageSet, settings: Settings, selection: Selection, varies: bool = False
) -> list[Sample]:
    """The samples of an earlier ``selection``, computed again from ``data`` that holds just them, in their order.

    Raises ``InputError`` when one is not classified correctly any more, unless the model's answer ``varies`` anyhow.
    """
    kept = _Kept(len(data), data)
    for start in range(0, len(data), scorer.batch_size):
        positions = np.arange(start, min(start + scorer.batch_size, len(data)))
        for row, usable in _batch(scorer, data, positions, settings):
            if usable or varies:
                kept.add(row)
    samples = kept.samples()
    if _indices(samples) != selection.samples:
        raise InputError("The model no longer classifies the run's samples correctly, so the run cannot be continued.")
    return samples


@dataclass(frozen=True)
class _Row:
    """One image as a batch leaves it, in views of what the batch holds."""

    position: int
    image: UInt8Array
    target: int | None
    confidence: float
    scores: Tensor


class _Kept:
    """What stays of the images that were considered, in a block of each kind, until all are chosen.

    Small pieces that stay, scattered among what each batch frees, would keep that from being used again, which of
    100,000 samples took six times their own size.
    """

    def __init__(self, most: int, data: ImageSet) -> None:
        self._data, self._rows = data, list[tuple[int, int | None, float]]()
        self._images = np.empty((most, *data.shape), np.uint8)  # what is never written takes no memory
        self._scores: Tensor | None = None

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, row: _Row) -> None:
        if self._scores is None:
            self._scores = row.scores.new_empty((len(self._images), len(row.scores)))
        self._images[len(self)], self._scores[len(self)] = row.image, row.scores
        self._rows.append((row.position, row.target, row.confidence))

    def samples(self) -> list[Sample]:
        indices, labels, found = self._data.indices, self._data.labels, list[Sample]()
        for k, (position, target, confidence) in enumerate(self._rows):
            assert self._scores is not None  # as there is a row
            index, label = int(indices[position]), int(labels[position])
            found.append(Sample(index, self._images[k], label, target, confidence, self._scores[k]))
        return found


def _batch(scorer: Scorer, data: ImageSet, positions: np.ndarray, settings: Settings) -> Iterator[tuple[_Row, bool]]:
    """Each image of a batch, and whether it is classified correctly and can be attacked."""
    images = data.images[positions]
    scores = scorer(torch.from_numpy(images).to(scorer.device).float())
    predicted = classes(scores).tolist()
    confidences = scores.double().softmax(1)
    targets = _targets(scores, data, positions, settings)
    for k, position in enumerate(positions.tolist()):
        label = int(data.labels[position])
        row = _Row(position, images[k], targets[k], float(confidences[k, label]), scores[k])
        yield row, predicted[k] == label and targets[k] != label


def _targets(scores: Tensor, data: ImageSet, positions: np.ndarray, settings: Settings) -> list[int | None]:
    """The class each image is to be taken for, by ``settings.target``: see ``AssessSpec``."""
    classes, target = scores.shape[1], settings.target
    if target.isdecimal() and int(target) >= classes:
        raise InputError(f"--target: the model has the classes 0..{classes - 1}, so {target} cannot be aimed at.")
    rows = zip(
        data.indices[positions].tolist(), data.labels[positions].tolist(), scores.argmin(1).tolist(), strict=True
    )
    return [target_class(target, index, label, classes, least, settings.seed) for index, label, least in rows]


def _indices(samples: list[Sample]) -> tuple[int, ...]:
    return tuple(sample.index for sample in samples)


def rule(samples: int, settings: Settings) -> str:
    """How so many ``samples`` were chosen, in words."""
    order = "in file order" if settings.shuffle is None else f"in the order shuffled by seed {settings.shuffle}"
    without = f", those of class {settings.target} left out" if settings.target.isdecimal() else ""
    return f"the first {samples} correctly classified images {order}{without}"
