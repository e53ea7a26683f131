"""The false-adversarial demonstration: which image, its false samples, and true ones beside them."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from pixelproof.data.imageset import UInt8Array
from pixelproof.data.lazy import LazyImages
from pixelproof.models.query import Predict
from pixelproof.plans.study.false_adversarial import budgets, false_sample, flattest
from pixelproof.plans.study.view import Demonstration, Found
from pixelproof.results.minimal import distance
from pixelproof.results.study import NORMS
from pixelproof.runs import Record, RunStore

Ask = Callable[[Sequence[UInt8Array]], tuple[int, ...]]  # a network's answers, by class
_TRIED = 32  # images asked about at once


def flattest_right(images: UInt8Array | LazyImages, labels: Sequence[int], predict: Predict) -> int | None:
    """The position of the image nearest to one colour of those that the network classifies correctly; None: of none."""
    order = flattest(images)
    for start in range(0, len(order), _TRIED):
        positions = order[start : start + _TRIED]
        predicted = predict([images[k] for k in positions]).argmax(1)
        for k, said in zip(positions, predicted, strict=True):
            if said == labels[k]:
                return k
    return None


def demonstration(runs: Sequence[RunStore], sample: int, chosen: str, ask: Mapping[str, Ask]) -> Demonstration:
    """Of the clean image of ``sample`` in ``runs``, with what they found for it; each network to ask is in ``ask``."""
    keeper = next(run for run in runs if sample in run.manifest.selection.samples)
    clean, selection = keeper.clean(sample), keeper.manifest.selection
    false = tuple(false_sample(clean, budget) for budget in budgets(clean.shape[2]))
    found = _nearest_found(runs, sample)
    shown = [clean, *(each.image for each in false), *(each.image for each in found)]
    label = selection.labels[selection.samples.index(sample)]
    return Demonstration(
        sample,
        keeper.manifest.data.class_names,
        label,
        chosen,
        clean,
        false,
        found,
        {name: answers(shown) for name, answers in ask.items()},
    )


def of_runs(runs: Sequence[RunStore]) -> Demonstration | None:
    """Of the clean images kept in ``runs`` the one nearest to a single colour; no network is asked."""
    if len({run.manifest.data.sha256 for run in runs}) > 1:  # a forced comparison: samples are not the same images
        return None
    keeper = {sample: run for run in runs for sample in run.manifest.selection.samples}
    samples = sorted(keeper)
    sample = samples[flattest(np.stack([keeper[each].clean(each) for each in samples]))[0]]
    return demonstration(runs, sample, "of all images attacked, the one nearest to a single colour", {})


def _nearest_found(runs: Iterable[RunStore], sample: int) -> tuple[Found, ...]:
    """For each norm the adversarial image of ``sample`` nearest by it; of all ``runs``, whose data are the same."""
    best: dict[str, tuple[Record, RunStore]] = {}
    for run in runs:
        for record in (record for record in run.records() if record.sample == sample and record.success):
            if record.attack not in best or distance(record) < distance(best[record.attack][0]):
                best[record.attack] = record, run
    pairs = [best[attack] for attack in NORMS if attack in best]
    return tuple(Found(record, image) for record, run in pairs if (image := run.image(record)) is not None)
