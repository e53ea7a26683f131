"""DeepFool: step by step to the nearest boundary of the linearised model.

Moosavi-Dezfooli, Fawzi & Frossard, "DeepFool: a simple and accurate method to fool deep neural networks", CVPR 2016.
"""

from dataclasses import dataclass
from typing import get_args

import torch
from torch import Tensor
from torch.linalg import vector_norm

from pixelproof.attacks.attack import Attack
from pixelproof.attacks.goal import Goal
from pixelproof.attacks.gradient.directions import steepest
from pixelproof.attacks.nearest import NearestNorm, drawn_nearer
from pixelproof.attacks.oracle import Oracle
from pixelproof.errors import InputError
from pixelproof.seeds import Streams

#: Steps end this share of the largest score beyond a boundary: on it, the noise of float32 would decide the class.
_NOISE = 1e-4

#: A model that sees whole grey levels hardly notices a step shorter than this share of the change so far.
_NOTICED = 0.25

_ORDER = {"l2": 2, "linf": torch.inf}
_DUAL = {"l2": 2, "linf": 1}


@dataclass(frozen=True)
class DeepFool(Attack):
    """Up to ``iterations`` steps to the nearest boundary between two classes, as the gradients show it.

    The boundaries are those between the label and each other of the ``candidates`` most likely classes (None: all);
    targeted, the one where the target overtakes the class before it. The change is made longer by the share
    ``overshoot`` (1e-6, as in the dual quality assessment; the paper has 0.02).
    """

    name = "deepfool"
    positive = ("iterations",)

    norm: NearestNorm = "l2"
    iterations: int = 100
    overshoot: float = 1e-6
    candidates: int | None = 10

    def __post_init__(self) -> None:
        if self.norm not in get_args(NearestNorm):
            raise InputError(f"deepfool knows the norms {' and '.join(get_args(NearestNorm))}, not {self.norm!r}.")
        super().__post_init__()
        if not self.overshoot >= 0:
            raise InputError(f"deepfool needs an overshoot of 0 or more, not {self.overshoot:g}.")
        if self.candidates is not None and self.candidates < 2:
            raise InputError(f"deepfool needs 2 candidates or more, the label being one, not {self.candidates}.")

    def __call__(self, oracle: Oracle, images: Tensor, goal: Goal, streams: Streams) -> Tensor:
        rows, found, change = goal.rows, images.clone(), torch.zeros_like(images)
        scores = oracle.log_scores(images, rows)
        classes = _likely(scores, goal.labels)[:, : self.candidates]
        for _ in range(self.iterations):
            going = ~goal.of(rows).reached(scores)
            rows, scores = rows[going], scores[going]
            if len(rows) == 0:
                break
            margins, gradients = _boundaries(oracle, found[rows], rows, goal, classes[rows])
            distances, directions = self._nearest(margins, gradients, scores)
            if oracle.eight_bit:
                distances = distances.maximum(_NOTICED * vector_norm(change[rows].flatten(1), _ORDER[self.norm], dim=1))
            change[rows] += distances[:, None, None, None] * directions
            found[rows] = (images[rows] + (1 + self.overshoot) * change[rows]).clamp(0, 1)
            scores = oracle.log_scores(found[rows], rows)
        return drawn_nearer(oracle, found, images, goal) if oracle.eight_bit else found

    def _nearest(self, margins: Tensor, gradients: Tensor, scores: Tensor) -> tuple[Tensor, Tensor]:
        """How far, n lengths, and where, n×C×H×W of length 1, the first of ``margins`` n×k vanishes if it is linear."""
        slopes = vector_norm(gradients.flatten(2), _DUAL[self.norm], dim=2).clamp(min=1e-12)
        beyond = _NOISE * scores.abs().amax(1, keepdim=True)
        distances = ((margins.abs() + beyond).float() / slopes).nan_to_num(nan=1e30, posinf=1e30)  # eqs. (8) and (11)
        first = distances.argmin(1, keepdim=True)
        gradient = gradients.take_along_dim(first[:, :, None, None, None], 1).squeeze(1)
        return distances.gather(1, first).squeeze(1), -steepest(gradient, self.norm)  # eqs. (9) and (12)


def _likely(scores: Tensor, labels: Tensor) -> Tensor:
    """The classes, N×K, from the most to the least likely, but the label first."""
    return scores.scatter(1, labels[:, None], torch.inf).argsort(1, descending=True)


def _boundaries(oracle: Oracle, images: Tensor, rows: Tensor, goal: Goal, classes: Tensor) -> tuple[Tensor, Tensor]:
    """Margins n×k, positive before a boundary is crossed, and their gradients n×k×C×H×W."""
    if goal.targets is not None:
        scores, gradient = oracle.gradient(images, rows, lambda s, part: goal.of(part).loss("margin", s))
        return goal.of(rows).loss("margin", scores)[:, None], gradient[:, None]
    scores, gradients = oracle.jacobian(images, rows, classes)
    answers = scores.gather(1, classes)
    return answers[:, :1] - answers[:, 1:], gradients[:, :1] - gradients[:, 1:]
