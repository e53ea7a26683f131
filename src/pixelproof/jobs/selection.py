"""Which samples are attacked: the first correctly classified images, in file order or shuffled."""

import numpy as np
import torch
from torch import Tensor

from pixelproof.data import ImageSet
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
    samples: list[Sample] = []
    considered = 0
    for start in range(0, len(order), scorer.batch_size):
        positions = order[start : start + scorer.batch_size]
        for sample, usable in _batch(scorer, data, positions, settings):
            if len(samples) < wanted:
                considered += 1
                samples += [sample] if usable else []
        if len(samples) == wanted:
            break
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
    found: list[tuple[Sample, bool]] = []
    for start in range(0, len(data), scorer.batch_size):
        positions = np.arange(start, min(start + scorer.batch_size, len(data)))
        found += _batch(scorer, data, positions, settings)
    samples = [sample for sample, usable in found if usable or varies]
    if _indices(samples) != selection.samples:
        raise InputError("The model no longer classifies the run's samples correctly, so the run cannot be continued.")
    return samples


def _batch(scorer: Scorer, data: ImageSet, positions: np.ndarray, settings: Settings) -> list[tuple[Sample, bool]]:
    """A sample for each position, and whether it is classified correctly and can be attacked."""
    images = data.images[positions]
    scores = scorer(torch.from_numpy(images).to(scorer.device).float())
    predicted = classes(scores).tolist()
    confidences = scores.double().softmax(1)
    targets = _targets(scores, data, positions, settings)
    batch: list[tuple[Sample, bool]] = []
    for k, position in enumerate(positions.tolist()):
        label = int(data.labels[position])
        image, index = images[k].copy(), int(data.indices[position])  # or it would keep the whole batch
        sample = Sample(index, image, label, targets[k], float(confidences[k, label]), scores[k].clone())
        batch.append((sample, predicted[k] == label and targets[k] != label))
    return batch


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
