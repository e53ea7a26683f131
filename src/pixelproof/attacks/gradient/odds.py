"""How probable it is that the model answers as the goal wants."""

from __future__ import annotations

import torch
from torch import Tensor

from pixelproof.attacks.goal import Goal


def log_odds(goal: Goal, scores: Tensor) -> Tensor:
    """n values log(1 − p) − log p, p being the probability of what ``goal`` wants, from log-scores n×K.

    Wanted is the target, or any class but the label. Softer than a margin, as all classes count, and its gradient has
    the direction of p's without going flat where p is near 0 or 1.
    """
    named = (goal.labels if goal.targets is None else goal.targets)[:, None]
    of_it = scores.gather(1, named).squeeze(1)
    of_others = scores.scatter(1, named, -torch.inf).logsumexp(1)
    return of_it - of_others if goal.targets is None else of_others - of_it
