"""What a search minimises."""

from typing import Literal

import torch
from torch import Tensor

FitnessName = Literal["margin", "confidence"]


def fitness(name: FitnessName, log_scores: Tensor, labels: Tensor, targets: Tensor | None) -> Tensor:
    """N values, lower is nearer to success, of ``log_scores`` N×K (logits, or log-probabilities).

    ``margin``: untargeted z_y − max_{k≠y} z_k, targeted max_{k≠t} z_k − z_t; below zero exactly when fooled. It does
    not go flat where a softmax saturates. ``confidence``: the papers' soft label, the softmax probability of the true
    class (untargeted; Vargas & Kotyan, 2019, eq. 2) or one minus that of the target. NaN becomes +∞.
    """
    if name == "confidence":
        probability = log_scores.softmax(1)
        value = _at(probability, labels) if targets is None else 1 - _at(probability, targets)
    elif targets is None:
        value = _at(log_scores, labels) - _best_other(log_scores, labels)
    else:
        value = _best_other(log_scores, targets) - _at(log_scores, targets)
    return torch.nan_to_num(value, nan=torch.inf, posinf=torch.inf, neginf=-torch.inf)


def all_margins(log_scores: Tensor, labels: Tensor) -> Tensor:
    """N×K: how far each class lies below the true one, infinity for that itself and for what is not a number."""
    margins = (_at(log_scores, labels)[:, None] - log_scores).float()
    return margins.scatter_(1, labels[:, None], torch.inf).nan_to_num(nan=torch.inf, posinf=torch.inf)


def _at(scores: Tensor, classes: Tensor) -> Tensor:
    return scores.gather(1, classes[:, None]).squeeze(1)


def _best_other(scores: Tensor, classes: Tensor) -> Tensor:
    return scores.scatter(1, classes[:, None], -torch.inf).amax(1)
