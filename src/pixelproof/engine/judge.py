"""The judge: what decides success, for levels, attacks by name, audits, transfers and replays alike.

A success is a whole-numbered image within its bound to which the model, asked again in full precision, gives the answer
that was sought, in scores that are numbers. What an attack, an encoding or a search says of itself counts for nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pixelproof.attacks.attack import Attack
from pixelproof.attacks.goal import Goal
from pixelproof.attacks.norm_ball import TOLERANCE
from pixelproof.data.imageset import UInt8Array
from pixelproof.models import Classifier
from pixelproof.models.query import Asked, Scorer, verifier
from pixelproof.runs.record import Constraint
from pixelproof.units import is_8_bit, to_8_bit

#: Log-scores that two classes differ by where no rounding of another batch size makes one of the other.
_CLEARLY = 1e-2


@dataclass(frozen=True)
class Bound:
    """How far an image may lie from the clean one: ``threshold`` pixels (few-pixel, l0) or grey levels (others).

    Images are n×H×W×C whole numbers 0–255. Without a ``constraint`` any of these will do.
    """

    constraint: Constraint | None = None
    threshold: float | None = None

    @classmethod
    def of(cls, attack: Attack) -> Bound:
        """That of an attack by name."""
        return cls(attack.ball.norm, attack.ball.epsilon) if attack.ball else cls()

    def distances(self, images: Tensor, clean: Tensor) -> Tensor:
        """n lengths, as the constraint measures them, summed up in integers; 0 where there is no constraint."""
        change = (images - clean).to(torch.int64).abs()
        match self.constraint:
            case "few-pixel" | "l0":
                return (change > 0).any(-1).flatten(1).sum(1)
            case "threshold" | "linf":
                return change.flatten(1).amax(1)
            case "l1":
                return change.flatten(1).sum(1)
            case "l2":
                return change.square().flatten(1).sum(1).double().sqrt()
            case None:
                return change.new_zeros(len(change))

    def allows(self, images: Tensor, clean: Tensor) -> Tensor:
        """Whether each of ``images`` is a whole-numbered one within the bound: n bools."""
        if self.threshold is None:
            return is_8_bit(images)
        return is_8_bit(images) & (self.distances(images, clean) <= self.threshold + TOLERANCE)


@dataclass(frozen=True, eq=False)
class Verdict:
    """What was decided about n images: ``success`` (n bools), by the log-scores n×K of the model."""

    success: Tensor
    scores: Tensor


class Judge:
    """Asks by ``scorer`` about n images, and once more a ``detector``, whose class 1 of two is "rejected"."""

    def __init__(self, scorer: Scorer, detector: Scorer | None = None) -> None:
        self.scorer, self._detector = scorer, detector
        self.taken_back = 0  # answers of a search that the model did not give again; see ``compare``

    @classmethod
    def of(cls, classifier: Classifier, device: torch.device, asked: Asked | None = None) -> Judge:
        """The judge that asks ``classifier`` in batches of a size of their own, counted in ``asked``."""
        return cls(verifier(classifier, device, asked))

    def __call__(self, images: Tensor, clean: Tensor, goal: Goal, bound: Bound) -> Verdict:
        """Decide about ``images`` of ``clean`` ones, both n×H×W×C whole numbers 0–255."""
        scores = self.scorer(images)
        success = goal.reached(scores) & bound.allows(images, clean) & ~self.rejected(images)
        return Verdict(success, scores)

    def stored(
        self, images: Sequence[UInt8Array], clean: Sequence[UInt8Array], goal: Goal, bounds: Sequence[Bound]
    ) -> Verdict:
        """Decide about uint8 ``images`` H×W×C, at least one, each with a bound of its own."""
        scores = self.scorer.of_images(images)
        inside = [_allows(*each) for each in zip(bounds, images, clean, strict=True)]
        return Verdict(goal.reached(scores) & torch.tensor(inside, device=scores.device), scores)

    def compare(self, before: Tensor, verdict: Verdict) -> None:
        """Count the images that the model took for another class before, by log-scores n×K, and clearly so."""
        first, second = before.float().topk(2, 1).values.T
        other = before.argmax(1) != verdict.scores.argmax(1)
        self.taken_back += int((other & (first - second > _CLEARLY)).sum())

    def rejected(self, images: Tensor) -> Tensor:
        """Whether the detector rejects each of ``images``: n bools, none where there is no detector."""
        if self._detector is None:
            return torch.zeros(len(images), dtype=torch.bool, device=images.device)
        return self._detector(images).argmax(1) == 1


def project_and_quantise(attack: Attack, found: Tensor, clean: Tensor) -> Tensor:
    """What ``attack`` ``found`` as 8-bit images inside its ball; the clean image where it is not made of numbers.

    All are N×C×H×W in [0, 1]. Raises ``ValueError`` where there is not one image for each clean one.
    """
    if not isinstance(found, Tensor) or found.shape != clean.shape or found.dtype != clean.dtype:
        shown = f"{tuple(found.shape)} {found.dtype}" if isinstance(found, Tensor) else type(found).__name__
        raise ValueError(f"{attack.spec} returned {shown} where {tuple(clean.shape)} {clean.dtype} was expected.")
    found = found.detach()
    found = torch.where(found.isfinite().flatten(1).all(1)[:, None, None, None], found, clean).clamp(0, 1)
    return to_8_bit(found) if attack.ball is None else attack.ball.to_8_bit(found, clean)


def _allows(bound: Bound, image: UInt8Array, clean: UInt8Array) -> bool:
    pair = torch.from_numpy(np.stack([image, clean])).float()
    return bool(bound.allows(pair[:1], pair[1:]))
