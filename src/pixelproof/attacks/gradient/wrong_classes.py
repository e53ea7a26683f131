"""The classes that a model would answer next."""

from __future__ import annotations

import torch
from torch import Tensor


def wrong_classes(scores: Tensor, labels: Tensor, count: int) -> Tensor:
    """The ``count`` likeliest classes but the label, N×count in falling order, by ``scores`` N×K; K − 1 if fewer."""
    others = scores.scatter(1, labels[:, None], -torch.inf)
    return others.topk(min(count, scores.shape[1] - 1)).indices
