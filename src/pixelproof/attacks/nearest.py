"""The nearest fooling image: kept while an attack searches, and drawn nearer once it has found one."""

from typing import Literal

import torch
from torch import Tensor

from pixelproof.attacks.goal import Goal, fooled
from pixelproof.attacks.oracle import Oracle
from pixelproof.attacks.pixel_ball import changed_pixels
from pixelproof.units import to_8_bit

#: Norms in which a nearest image is sought.
NearestNorm = Literal["l2", "linf"]

#: Halvings of the way to an image: 2⁻¹⁰ of a change is nothing beside its rounding.
_HALVINGS = 10


class Nearest:
    """The nearest image to each of ``clean``, N×C×H×W, that was seen to fool; of ``queries`` a sample, where told.

    ``images`` N×C×H×W are those, or the clean ones where nothing fooled; ``distances`` N, in the unit of the images and
    infinite where nothing fooled, are lengths in ``norm`` of what the model saw: where it sees 8 bits, of the rounded;
    in l0 numbers of pixels.
    What is kept is the float image behind that, which can still be drawn nearer.
    """

    def __init__(
        self,
        oracle: Oracle,
        clean: Tensor,
        goal: Goal,
        norm: NearestNorm | Literal["l0"],
        queries: int = 0,
        confidence: float = 0,
    ) -> None:
        self.oracle, self.clean, self.goal, self.norm, self.confidence = oracle, clean, goal, norm, confidence
        self.images = clean.clone()
        self.distances = torch.full((len(clean),), torch.inf, device=clean.device)
        self._until = oracle.queries + queries

    def left(self, rows: Tensor) -> Tensor:
        """How many queries each of ``rows`` has left."""
        return (self._until[rows.cpu()] - self.oracle.queries[rows.cpu()]).to(rows.device)

    def fools(self, images: Tensor, rows: Tensor) -> Tensor:
        """Whether each of ``images`` n×C×H×W fools, one a sample: n bools, False where no query was left."""
        asked = self.left(rows) > 0
        fooling = asked.clone()
        fooling[asked] = self.answers(images[asked], rows[asked])
        self.keep(images[fooling], rows[fooling])
        return fooling

    def answers(self, images: Tensor, rows: Tensor) -> Tensor:
        """Whether each of ``images`` n×C×H×W fools, of any samples, none of them kept; the caller minds the queries."""
        if not len(rows):
            return rows.bool()
        goal = self.goal.of(rows)
        return fooled(self.oracle.labels(images, rows), goal.labels, goal.targets)

    def offer(self, images: Tensor, rows: Tensor, scores: Tensor) -> Tensor:
        """Keep those of ``images`` n×C×H×W, answered by ``scores`` n×K, that are nearer; which fool: n bools."""
        fooling = sure(self.goal.of(rows), scores, self.confidence)
        self.keep(images, rows, fooling)
        return fooling

    def keep(self, images: Tensor, rows: Tensor, fooling: Tensor | bool = True) -> None:
        """Remember those of ``images``, of different samples, that are ``fooling`` and nearer than any before."""
        length = self.length(to_8_bit(images) if self.oracle.eight_bit else images, rows)
        nearer = (length < self.distances[rows]) & fooling
        self.images[rows[nearer]] = images[nearer]
        self.distances[rows[nearer]] = length[nearer]

    def length(self, images: Tensor, rows: Tensor) -> Tensor:
        """The distance of each of ``images`` to its clean one, as floats."""
        if self.norm == "l0":
            return changed_pixels(images - self.clean[rows]).to(images.dtype)
        order = 2 if self.norm == "l2" else torch.inf
        length: Tensor = torch.linalg.vector_norm((images - self.clean[rows]).flatten(1), order, dim=1)
        return length


def sure(goal: Goal, scores: Tensor, confidence: float = 0) -> Tensor:
    """Whether ``scores`` N×K reach ``goal``, with a margin of at least ``confidence`` (in logits): N bools."""
    return goal.reached(scores) & (goal.loss("margin", scores) <= -confidence)


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
