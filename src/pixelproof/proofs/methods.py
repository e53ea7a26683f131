"""The methods of proof by name: what each can prove, of which models, and how it is asked to."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from pixelproof.data.imageset import UInt8Array
from pixelproof.defences import MaskedClassifier
from pixelproof.models import Classifier, TorchClassifier
from pixelproof.models.query import Asked, Scorer
from pixelproof.proofs.attempt import Attempt
from pixelproof.runs.record import Constraint

Shape = tuple[int, int, int]  # height, width, channels


@dataclass(frozen=True, eq=False)
class Task:
    """What is to be proved: that ``classifier`` answers ``label`` within the constraint around ``image`` H×W×C."""

    classifier: Classifier
    device: torch.device
    batch_size: int
    image: UInt8Array
    label: int
    constraint: Constraint
    threshold: int
    seconds: float
    asked: Asked | None = None  # where it is counted what goes through the model


@dataclass(frozen=True)
class Method:
    """One way to prove. ``proves`` says in words at which levels; ``covers`` whether one level is among them.

    ``refusal`` is why nothing at all can be proved of a model on images of a shape; None where something may be.
    """

    proves: str
    covers: Callable[[Classifier, Constraint, int], bool]
    refusal: Callable[[Classifier, Shape], str | None]
    prove: Callable[[Task], Attempt]


def _within_masks(classifier: Classifier, constraint: Constraint, threshold: int) -> bool:
    from pixelproof.proofs.masks import refusal

    return constraint == "few-pixel" and refusal(classifier, threshold) is None


def _refuse_masks(classifier: Classifier, _: Shape) -> str | None:
    from pixelproof.proofs.masks import refusal

    return refusal(classifier, 1)


def _masks(task: Task) -> Attempt:
    from pixelproof.proofs.masks import prove_masks

    assert isinstance(task.classifier, MaskedClassifier)  # as others are refused
    return prove_masks(task.classifier, task.image, task.label, task.seconds, task.device)


def _one_pixel(_: Classifier, constraint: Constraint, threshold: int) -> bool:
    return constraint == "few-pixel" and threshold == 1


def _refuse_sweep(_: Classifier, shape: Shape) -> str | None:
    from pixelproof.proofs.sweep import refusal

    return refusal(shape)


def _sweep(task: Task) -> Attempt:
    from pixelproof.proofs.sweep import sweep

    scorer = Scorer(task.classifier, task.batch_size, task.device, task.asked)
    return sweep(scorer, task.image, task.label, task.seconds)


def _one_pixel_or_threshold(_: Classifier, constraint: Constraint, threshold: int) -> bool:
    return constraint == "threshold" or (constraint == "few-pixel" and threshold == 1)


def _refuse_bounds(classifier: Classifier, shape: Shape) -> str | None:
    from pixelproof.proofs.bounds import refusal

    if not isinstance(classifier, TorchClassifier) or classifier.dtype not in (torch.float32, torch.float64):
        return f"{classifier.name} is no torch module in float32 without a defence, so its scores cannot be bounded"
    return refusal(classifier.module, shape)


def _bounds(task: Task) -> Attempt:
    from pixelproof.proofs.bounds import prove_bounds

    assert isinstance(task.classifier, TorchClassifier)  # as others are refused
    assert task.constraint in ("few-pixel", "threshold")  # as others are not covered
    module, kind = task.classifier.module, task.constraint
    return prove_bounds(module, task.image, task.label, kind, task.threshold, task.seconds)


#: In the order in which ``auto`` asks them.
METHODS: dict[str, Method] = {
    "masks": Method("few-pixel up to the pixels of its masks", _within_masks, _refuse_masks, _masks),
    "sweep": Method("one pixel, few-pixel th = 1", _one_pixel, _refuse_sweep, _sweep),
    "bounds": Method("few-pixel th = 1 and thresholds", _one_pixel_or_threshold, _refuse_bounds, _bounds),
}
