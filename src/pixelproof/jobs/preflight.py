"""Before anything is attacked: is the model wired up right?"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pixelproof.data.imageset import ImageSet, Int64Array, UInt8Array, all_class_names
from pixelproof.data.lazy import HELD
from pixelproof.errors import ModelError
from pixelproof.models.classifier import Classifier
from pixelproof.models.probes import Probe, probes_for
from pixelproof.models.query import Asked, ask_whole
from pixelproof.models.scores import detect_kind, probabilities, resolve_kind
from pixelproof.models.sent import takes_pictures_only
from pixelproof.results.exact import at_least, more_often
from pixelproof.runs.record import Finding
from pixelproof.units import to_unit

SIGNIFICANCE = 0.01  # of the tests against chance and of one value range against another
FEW_IMAGES = 20  # below this an accuracy at chance is a warning, not a refusal
MOST_IMAGES = 1000  # looked at, of a model that is quick
PATIENCE = 60.0  # seconds after which a slow model is asked about no more than few images
PROBED = 256  # images that other value ranges are tried on
CLEARLY_BETTER = 0.2  # by how much another value range must raise the accuracy
SATURATED_SHARE = 0.1
RANDOM_OUTPUT = "random-output"  # name of the finding that a model answers the same images differently
BATCH_TOLERANCE = 1e-4  # relative difference of scores that place and neighbours in the batch may cause

Float64Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Preflight:
    """What the model did to ``checked`` images, spread evenly over the set.

    ``predictions`` int64 and ``confidences`` float64 (softmax probability of the true class) have one value
    an image; ``right`` of them were classified correctly among ``classes``, the K of the scores.
    """

    findings: tuple[Finding, ...]
    predictions: Int64Array
    confidences: Float64Array
    checked: int
    right: int
    classes: int
    images_per_second: float  # of the model, with whole batches; 0 where no time was measured
    hits: tuple[bool, ...] = ()  # whether each was right, in the order in which they were asked about
    planned: int = 0  # images that were to be asked about, had the model been quick


def limit_for(queries: int) -> int:
    """Images that a preflight may ask about before so many ``queries``: a tenth of them, never too few to judge by."""
    return min(MOST_IMAGES, max(FEW_IMAGES, queries // 10))


def preflight(
    classifier: Classifier,
    data: ImageSet,
    *,
    batch_size: int,
    device: torch.device,
    gate: float = 0.9,
    limit: int = MOST_IMAGES,
    refuse_chance: bool = True,
    asked: Asked | None = None,
) -> Preflight:
    """Look for wrong wiring: ask ``classifier`` about up to ``limit`` images, spread evenly over the set.

    A slow model is asked about fewer: at least ``FEW_IMAGES``, and no more once ``PATIENCE`` seconds have gone by. One
    that seems no better than chance is asked about up to ``MOST_IMAGES`` before it is refused.
    ``gate`` is the accuracy (0 to 1) below which a warning is given. A kind of scores nobody gave is settled
    here; what goes through the model is counted in ``asked``. Raises ``ModelError`` when the scores are not finite,
    count too few classes, are the same for every image, are not of the kind declared, or, unless ``refuse_chance`` is
    False, are right no more often than chance; the sentence gives the likely reason if one is found.
    """
    check = _Check(classifier, data, batch_size, device, limit, asked)
    few = check.checked == limit < min(MOST_IMAGES, len(data))  # and not for want of time
    if refuse_chance and few and not check.above_chance():  # which may be bad luck
        check = _Check(classifier, data, batch_size, device, MOST_IMAGES, asked)
    check.refuse_unusable()
    hint = check.value_range()
    if refuse_chance:
        check.refuse_chance(hint)
    in_order = check.places.argsort()
    found = (*check.about_model(), *check.about_accuracy(gate), *([hint] if hint else []))
    return Preflight(
        findings=found,
        predictions=check.predictions[in_order],
        confidences=check.confidences[in_order],
        checked=check.checked,
        right=check.right,
        classes=check.classes,
        images_per_second=check.images_per_second,
        planned=check.planned,
        hits=tuple((check.predictions == check.labels).tolist()),
    )


class _Check:
    """The images, the scores given to them, and the questions put to both."""

    def __init__(
        self,
        classifier: Classifier,
        data: ImageSet,
        batch_size: int,
        device: torch.device,
        limit: int,
        asked: Asked | None,
    ) -> None:
        self.classifier, self.data, self.batch_size, self.device = classifier, data, batch_size, device
        self.asked = asked
        self.raw_dtypes: set[torch.dtype] = set()
        self._begun, self.images_per_second = time.perf_counter(), 0.0
        most = max(FEW_IMAGES, HELD // prod(data.shape))  # they are all kept, to be asked about again
        planned = _spread(min(max(1, limit), most, len(data)), len(data))
        self.scores = self._look(data, planned)
        self.checked, self.planned = len(self.scores), len(planned)
        self.places = planned[: self.checked]
        self.images, self.labels = data.images[self.places], data.labels[self.places]
        self.classes = self.scores.shape[1]
        self.kind = resolve_kind(classifier, self.scores)
        self.predictions: Int64Array = self.scores.argmax(1).numpy()
        self.right = int((self.predictions == self.labels).sum())

    @property
    def confidences(self) -> Float64Array:
        """The probability of the true class of each image."""
        chosen: Float64Array = self._of_true_class(probabilities(self.scores, self.kind)).double().numpy()
        return chosen

    def _of_true_class(self, values: Tensor) -> Tensor:
        return values.gather(1, torch.tensor(self.labels)[:, None]).squeeze(1)

    @property
    def _slow(self) -> bool:
        return time.perf_counter() - self._begun > PATIENCE

    def _look(self, data: ImageSet, where: Int64Array) -> Tensor:
        """The scores of the images ``where``, or of the first of them where the model is slow; and how fast it is."""
        answers: list[Tensor] = []
        done, before, seconds = 0, 0, 0.0
        while done < len(where) and (done < FEW_IMAGES or not self._slow):
            begun = time.perf_counter()
            answers.append(self._call(_batch(data.images[where[done : done + self.batch_size]])))
            before, done, seconds = done, done + len(answers[-1]), time.perf_counter() - begun
        self.images_per_second = (done - before) / seconds if seconds else 0.0
        return torch.cat(answers)

    def _ask(self, images: UInt8Array, probe: Probe) -> Tensor:
        """Scores on the CPU of ``images`` that ``probe`` changes."""
        starts = range(0, len(images), self.batch_size)
        return torch.cat([self._call(_batch(images[start : start + self.batch_size]), probe) for start in starts])

    def _call(self, batch: Tensor, probe: Probe | None = None) -> Tensor:
        batch = batch.to(self.device)
        batch = probe.change(batch) if probe else batch
        scores = ask_whole(self.classifier, batch, self.batch_size, self.asked, "preflight")
        self.raw_dtypes.add(scores.dtype)
        return scores.detach().cpu()

    # What makes an assessment impossible.

    def refuse_unusable(self) -> None:
        name = self.classifier.name
        broken = int((~self.scores.isfinite()).any(1).sum())
        if broken:
            raise ModelError(
                f"The model {name} gave NaN or infinite scores for {broken} of {self.checked} images; "
                "expected finite numbers, so check its weights and its value range."
            )
        needed = int(self.data.labels.max()) + 1
        if self.classes < needed:
            raise ModelError(
                f"The model {name} scores {self.classes} classes, but the labels run up to {needed - 1}; "
                f"expected at least {needed} classes, so use the model and data of one task."
            )
        seen = detect_kind(self.scores)
        if self.kind != "logits" and seen == "logits":
            raise ModelError(
                f"The model {name} is said to give {self.kind}, but its rows are not numbers from 0 to 1 "
                "that sum to 1; say that they are logits, or return what was said."
            )
        if self._constant():
            raise ModelError(
                f"The model {name} gave the same scores to all of {self.checked} images; expected them to "
                "depend on the image, so check its weights and that it takes values from 0 to 1."
            )

    def _constant(self) -> bool:
        if self.checked < 2 or not self._same_scores():
            return False
        return self.kind == "logits" or self.right < self.checked  # labels may be right about images of one class

    def _same_scores(self) -> bool:
        return torch.equal(self.scores, self.scores[:1].expand_as(self.scores))

    def refuse_chance(self, hint: Finding | None) -> None:
        if self.above_chance() or self.checked < FEW_IMAGES:
            return
        reason = (
            hint.message[:1].lower() + hint.message[1:]
            if hint
            else "check that labels are numbered as in training and the model takes RGB values from 0 to 1."
        )
        raise ModelError(
            f"The model {self.classifier.name} is right on {self._share(self.right)}, no better than chance "
            f"among {self.classes} classes; {reason}"
        )

    def above_chance(self) -> bool:
        return at_least(self.right, self.checked, 1 / self.classes) <= SIGNIFICANCE

    # What a reader of the report must know.

    def about_model(self) -> Iterator[Finding]:
        if getattr(self.classifier, "was_training", False):
            yield _warning(
                "training-mode",
                "The model came in training mode; pixelproof asks it in evaluation mode and leaves its mode as found.",
            )
        yield from self._about_types()
        named = len(all_class_names(self.data.class_names, self.classes))
        if self.classes != named:
            yield _warning(
                "class-count",
                f"The model scores {self.classes} classes but the data name {named}; the labels "
                "are taken as positions in the scores, so make sure that they are.",
            )
        if self.checked > 1 and self.kind != "labels" and self._same_scores():
            yield _warning(
                "constant-output",
                f"The model gave the same scores to all of {self.checked} images; it is right because they are all of "
                "one class, so nothing about its robustness follows: add images of other classes.",
            )
        yield from self._about_repetition()
        if self.kind == "labels":
            yield _warning(
                "labels-only",
                "The model tells only labels (or its softmax is saturated at 1 everywhere), so the searches of "
                "few-pixel and threshold have nothing to climb and what they do not break says little; add the attacks "
                "label-regression and boundary, which need labels alone, or return logits if there are any.",
            )
        elif self.kind == "logits" and detect_kind(self.scores) != "logits":
            yield _warning(
                "kind-mismatch",
                "The scores are said to be logits but look like probabilities; a softmax taken twice "
                "flattens confidences, so return logits or say that they are probabilities.",
            )

    def _about_types(self) -> Iterator[Finding]:
        odd = self.raw_dtypes - {torch.float32, torch.float64}
        dtype = getattr(self.classifier, "dtype", torch.float32)
        if odd or dtype not in (torch.float32, torch.float64):
            shown = str(odd.pop() if odd else dtype).removeprefix("torch.")
            yield _warning(
                "low-precision",
                f"The model computes in {shown}, which rounds away small changes of an image and of its "
                "scores; claims hold for this precision only, so assess the float32 model if that is the "
                "one used.",
            )

    def _about_repetition(self) -> Iterator[Finding]:
        """The same batch twice, and the same images in other places."""
        batch = _batch(self.images[: self.batch_size])
        again, first = self._call(batch), self.scores[: len(batch)]
        if not torch.equal(first, again):
            yield _warning(
                RANDOM_OUTPUT,
                "The model answered the same batch twice differently (by up to "
                f"{_difference(first, again):.2g}); success at one call may be failure at the next, "
                "so make it deterministic.",
            )
        elif len(batch) > 1:
            moved = self._call(batch.roll(1, 0)).roll(-1, 0)
            scale = float(again.abs().max())
            if _difference(again, moved) > BATCH_TOLERANCE * max(scale, 1e-30):
                yield _warning(
                    "batch-dependent",
                    f"The scores of an image change (by up to {_difference(again, moved):.2g}) with its "
                    "place in the batch; every image must be judged by itself, so check for batch "
                    "statistics.",
                )

    def about_accuracy(self, gate: float) -> Iterator[Finding]:
        if not self.above_chance():
            yield _warning(
                "at-chance",
                f"The model is right on {self._share(self.right)}, which cannot be told from chance among "
                f"{self.classes} classes; check its wiring, or give more images.",
            )
        elif self.right < gate * self.checked:
            yield _warning(
                "low-accuracy",
                f"The model is right on only {self._share(self.right)}, below the {100 * gate:g} % "
                "expected; check its value range, normalisation and class order before trusting any result.",
            )
        saturated = self._saturated()
        if self.kind != "labels" and saturated > SATURATED_SHARE * self.checked:
            yield _warning(
                "saturated-softmax",
                f"The softmax of the true class is exactly 1 in float32 on {self._share(saturated)}; the "
                "default margin fitness avoids that plateau, --fitness confidence will not.",
            )

    def _saturated(self) -> int:
        values = self.scores.float()
        single = torch.softmax(values, 1) if self.kind == "logits" else values
        return int((self._of_true_class(single) == 1).sum())

    def _share(self, count: int) -> str:
        return f"{count} of {self.checked} images ({100 * count / self.checked:.1f} %)"

    # Would the model do better on other values?

    def value_range(self) -> Finding | None:
        """The change of value range that raises the accuracy most, if one raises it clearly."""
        probed = FEW_IMAGES if self._slow else PROBED
        images, labels = self.images[:probed], self.labels[:probed]
        plain = self.predictions[: len(images)] == labels
        if plain.mean() + CLEARLY_BETTER > 1:
            return None
        best: tuple[float, Finding] | None = None
        for probe in probes_for(self.data.shape[2], takes_pictures_only(self.classifier)):
            scores = self._ask(images, probe)
            changed = scores.argmax(1).numpy() == labels
            if _clearly_better(plain, changed) and (best is None or changed.mean() > best[0]):
                before, after = 100 * plain.mean(), 100 * changed.mean()
                best = (
                    float(changed.mean()),
                    _warning(probe.name, f"The {probe.advice} ({after:.1f} % right in place of {before:.1f} %)."),
                )
        return best[1] if best else None


def _spread(count: int, images: int) -> Int64Array:
    """``count`` positions below ``images``, spread evenly, as sets are often sorted by class; mixed, so that the first
    few are spread too."""
    even = np.linspace(0, images - 1, count).astype(np.int64)
    return np.random.default_rng(0).permutation(even)


def _batch(images: UInt8Array) -> Tensor:
    """Images N×H×W×C as float32 N×C×H×W in [0, 1]."""
    return to_unit(torch.from_numpy(np.ascontiguousarray(images)))


def _clearly_better(plain: npt.NDArray[np.bool_], changed: npt.NDArray[np.bool_]) -> bool:
    """At least 20 points more right, and images mended and broken are no fair coin (sign test)."""
    mended, broken = int((changed & ~plain).sum()), int((plain & ~changed).sum())
    much = mended - broken >= CLEARLY_BETTER * len(plain)
    return much and more_often(mended, broken) <= SIGNIFICANCE


def _difference(one: Tensor, other: Tensor) -> float:
    return float((one - other).abs().max())


def _warning(name: str, message: str) -> Finding:
    return Finding(name, "warning", message)
