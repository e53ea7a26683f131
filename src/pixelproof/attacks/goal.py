"""What an attack wants of each image, and the losses that lead there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from pixelproof.attacks.fitness import fitness
from pixelproof.errors import InputError

LossName = Literal["cross-entropy", "margin", "dlr"]


def fooled(predicted: Tensor, labels: Tensor, targets: Tensor | None) -> Tensor:
    """N booleans: another class than the true one (untargeted), or the target and nothing else (targeted)."""
    return predicted != labels if targets is None else predicted == targets


@dataclass(frozen=True, eq=False)
class Goal:
    """Away from ``labels`` (N integers), or, targeted, towards ``targets`` (N integers) and nothing else.

    Raises ``InputError`` where a target is the label of its image, which would be reached without any attack.
    """

    labels: Tensor
    targets: Tensor | None = None

    def __post_init__(self) -> None:
        if self.targets is not None and bool((self.targets == self.labels).any()):
            raise InputError("A target is the label of its image; aim at another class.")

    @property
    def rows(self) -> Tensor:
        """The rows of all images: 0 … N − 1."""
        return torch.arange(len(self.labels), device=self.labels.device)

    def of(self, rows: Tensor) -> Goal:
        """The goal of some images, by their ``rows``."""
        return type(self)(self.labels[rows], None if self.targets is None else self.targets[rows])

    def reached(self, scores: Tensor) -> Tensor:
        """Whether ``scores`` N×K are those of a success: N bools. Invalid scores never are."""
        return fooled(scores.argmax(1), self.labels, self.targets) & scores.isfinite().all(1)

    def loss(self, name: LossName, scores: Tensor) -> Tensor:
        """N values to *minimise*, of log-scores N×K (logits, or log-probabilities).

        ``cross-entropy``: −log p_t of the target, or log p_y of the label. ``margin``: z_y − max z_k, or
        max z_k − z_t (Carlini & Wagner, 2017, f₆); negative exactly where reached. ``dlr``: the difference of logits
        ratio of Croce & Hein (2020), eqs. (6) and (7), negated; the margin where there are too few classes for it (it
        takes three, and four with targets).
        """
        if name == "dlr" and scores.shape[1] < (3 if self.targets is None else 4):
            name = "margin"
        if name == "margin":
            return fitness("margin", scores, self.labels, self.targets)
        if name == "dlr":
            return -_dlr(scores, self.labels, self.targets)
        aim = self.labels if self.targets is None else self.targets
        entropy = functional.cross_entropy(scores, aim, reduction="none")
        return -entropy if self.targets is None else entropy


class Unhurried(Goal):
    """A goal that no answer ends the way to: where answers are random, the first success may be luck."""

    def reached(self, scores: Tensor) -> Tensor:
        return torch.zeros(len(scores), dtype=torch.bool, device=scores.device)


def log_odds(goal: Goal, scores: Tensor) -> Tensor:
    """n values log(1 − p) − log p, p being the probability of what ``goal`` wants, from log-scores n×K.

    Wanted is the target, or any class but the label. Softer than a margin, as all classes count, and its gradient has
    the direction of p's without going flat where p is near 0 or 1.
    """
    named = (goal.labels if goal.targets is None else goal.targets)[:, None]
    of_it = scores.gather(1, named).squeeze(1)
    of_others = scores.scatter(1, named, -torch.inf).logsumexp(1)
    return of_it - of_others if goal.targets is None else of_others - of_it


def wrong_classes(scores: Tensor, labels: Tensor, count: int) -> Tensor:
    """The ``count`` likeliest classes but the label, N×count in falling order, by ``scores`` N×K; K − 1 if fewer."""
    others = scores.scatter(1, labels[:, None], -torch.inf)
    return others.topk(min(count, scores.shape[1] - 1)).indices


def _dlr(scores: Tensor, labels: Tensor, targets: Tensor | None) -> Tensor:
    """Untargeted −(z_y − max_{k≠y} z_k)/(z_π1 − z_π3); targeted −(z_y − z_t)/(z_π1 − (z_π3 + z_π4)/2)."""
    ordered = scores.sort(1, descending=True).values
    right = scores.gather(1, labels[:, None]).squeeze(1)
    if targets is not None:
        aim = scores.gather(1, targets[:, None]).squeeze(1)
        spread = ordered[:, 0] - (ordered[:, 2] + ordered[:, 3]) / 2
        return -(right - aim) / (spread + 1e-12)
    margin = fitness("margin", scores, labels, None)
    return -margin / (ordered[:, 0] - ordered[:, 2] + 1e-12)
