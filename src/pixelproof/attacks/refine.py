"""The nearest fooling image: kept while an attack searches, and drawn nearer once it has found one."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from pixelproof.attacks.goal import Goal
from pixelproof.attacks.oracle import Oracle
from pixelproof.units import to_8_bit

#: Norms in which a nearest image is sought.
NearestNorm = Literal["l2", "linf"]

#: Halvings of the way to an image: 2⁻¹⁰ of a change is nothing beside its rounding.
_HALVINGS = 10


def sure(goal: Goal, scores: Tensor, confidence: float = 0) -> Tensor:
    """Whether ``scores`` N×K reach ``goal``, with a margin of at least ``confidence`` (in logits): N bools."""
    return goal.reached(scores) & (goal.loss("margin", scores) <= -confidence)


def distance(images: Tensor, clean: Tensor, norm: NearestNorm, eight_bit: bool) -> Tensor:
    """N distances, as shares of the value range, of ``images`` N×C×H×W, rounded if ``eight_bit``, from ``clean``."""
    change = (to_8_bit(images) if eight_bit else images) - clean
    order = {"l2": 2, "linf": torch.inf}[norm]
    lengths: Tensor = torch.linalg.vector_norm(change.flatten(1), order, dim=1)
    return lengths


class Nearest:
    """The nearest image to each of ``clean``, N×C×H×W, that was seen to fool.

    ``images`` starts as ``clean`` and ``distances``, N values as of ``distance``, as infinite. What is measured and
    asked about is the image as the oracle shows it; what is kept is the float image behind that, which can still be
    drawn nearer.
    """

    def __init__(self, oracle: Oracle, clean: Tensor, goal: Goal, norm: NearestNorm, confidence: float = 0) -> None:
        self.clean, self.images = clean, clean.clone()
        self.distances = torch.full((len(clean),), torch.inf, device=clean.device)
        self._goal, self._norm, self._confidence, self._eight_bit = goal, norm, confidence, oracle.eight_bit

    @property
    def found(self) -> Tensor:
        """Which have one: N bools."""
        return self.distances.isfinite()

    def offer(self, images: Tensor, rows: Tensor, scores: Tensor) -> Tensor:
        """Keep those of ``images`` n×C×H×W, answered by ``scores`` n×K, that are nearer; which fool: n bools."""
        fooling = sure(self._goal.of(rows), scores, self._confidence)
        distances = distance(images, self.clean[rows], self._norm, self._eight_bit)
        nearer = fooling & (distances < self.distances[rows])
        self.images[rows[nearer]], self.distances[rows[nearer]] = images[nearer], distances[nearer]
        return fooling


def drawn_nearer(oracle: Oracle, found: Tensor, clean: Tensor, goal: Goal, confidence: float = 0) -> Tensor:
    """The nearest images that fool on the straight ways from ``clean`` to ``found``, both N×C×H×W in [0, 1].

    Where the model is near linear and sees whole grey levels, rounding the shortest fooling change that points along
    its gradient is the best in L2 there is: the k-th level of a value adds 2k − 1 to the squared length. What does not
    fool stays as it is. A query for each image, and for those that fool one for each halving.
    """
    found = found.clone()
    rows = goal.rows[(found != clean).flatten(1).any(1)]
    rows = rows[sure(goal.of(rows), oracle.log_scores(found[rows], rows), confidence)]
    if len(rows) == 0:
        return found
    start, change = clean[rows], found[rows] - clean[rows]
    shares, width = torch.ones(len(rows), 1, 1, 1, device=found.device), 1.0
    for _ in range(_HALVINGS):
        width /= 2
        scores = oracle.log_scores(start + (shares - width) * change, rows)
        shares = shares - width * sure(goal.of(rows), scores, confidence)[:, None, None, None]
    found[rows] = start + shares * change
    return found
