"""What a defence costs: time, and accuracy on clean images."""

import time
from typing import NamedTuple

import torch
from torch import Tensor

from pixelproof.defences.output_defence import apply_outputs
from pixelproof.defences.parse import defend, parse_masked
from pixelproof.defences.preprocessor import Chain, parts
from pixelproof.errors import InputError
from pixelproof.models.classifier import Classifier
from pixelproof.models.scores import probabilities, resolve_kind

_ROWS = 64  # of a call


class Cost(NamedTuple):
    """``milliseconds`` an image for the defence alone, the model's own time apart; ``accuracy`` behind it, 0 to 1."""

    milliseconds: float
    accuracy: float


@torch.no_grad()
def measure(defence: str | None, classifier: Classifier, images: Tensor, labels: Tensor) -> Cost:
    """The cost of ``defence``, a spec as of ``parse_masked``, before the undefended ``classifier``.

    ``images`` float32 N×C×H×W in [0, 1], in calls of 64 and one more call beforehand that does not count; ``labels`` N
    integers. Raises ``InputError`` when there are no images.
    """
    if not len(images):
        raise InputError("There are no images to measure a defence on; give some clean ones.")
    masks, before = (None, None) if defence is None else parse_masked(defence)
    if masks is not None:
        return _measure_masked(defend(classifier, defence), classifier, images, labels)
    steps, outputs = ((), ()) if before is None else parts(before)
    preprocessor = Chain(steps)
    preprocessor(images[:_ROWS])
    seconds, right = 0.0, 0
    for chunk, truth in zip(torch.split(images, _ROWS), torch.split(labels, _ROWS), strict=True):
        begun = _now(chunk)
        seen = preprocessor(chunk)
        seconds += _now(chunk) - begun
        scores = classifier.scores(seen)
        if outputs:
            kind = resolve_kind(classifier, scores)
            begun = _now(chunk)
            scores = apply_outputs(outputs, probabilities(scores, kind), chunk)
            seconds += _now(chunk) - begun
        right += int((scores.argmax(1) == truth).sum())
    return Cost(1000 * seconds / len(images), right / len(images))


def _measure_masked(defended: Classifier, classifier: Classifier, images: Tensor, labels: Tensor) -> Cost:
    """Masks cost the images that they ask about: the time of their answer less that of one bare answer."""
    defended.scores(images[:1])
    seconds, right = 0.0, 0
    for chunk, truth in zip(torch.split(images, _ROWS), torch.split(labels, _ROWS), strict=True):
        begun = _now(chunk)
        classifier.scores(chunk)
        asked = _now(chunk)
        scores = defended.scores(chunk)
        seconds += (_now(chunk) - asked) - (asked - begun)
        right += int((scores.argmax(1) == truth).sum())
    return Cost(1000 * seconds / len(images), right / len(images))


def _now(images: Tensor) -> float:
    """The time when all work on the device of ``images`` is done."""
    if images.is_cuda:
        torch.cuda.synchronize(images.device)
    return time.perf_counter()
