"""Asking within a number of queries, and the nearest images that fooled."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from pixelproof.attacks.fitness import fooled
from pixelproof.attacks.goal import Goal
from pixelproof.attacks.oracle import Oracle
from pixelproof.units import to_8_bit

Length = Literal["l2", "linf"]


class Nearest:
    """Asks about images of N samples, ``queries`` of each at most, and keeps the nearest that fooled.

    ``images`` N×C×H×W are those, or the clean ones where nothing fooled; ``distances`` N, in the unit of the images and
    infinite where nothing fooled, are lengths in ``norm`` of what the model saw: where it sees 8 bits, of the rounded.
    """

    def __init__(self, oracle: Oracle, clean: Tensor, goal: Goal, norm: Length, queries: int) -> None:
        self.oracle, self.clean, self.goal, self.norm = oracle, clean, goal, norm
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

    def length(self, images: Tensor, rows: Tensor) -> Tensor:
        """The distance of each of ``images`` to its clean one, as floats."""
        order = 2 if self.norm == "l2" else torch.inf
        length: Tensor = torch.linalg.vector_norm((images - self.clean[rows]).flatten(1), order, dim=1)
        return length

    def keep(self, images: Tensor, rows: Tensor) -> None:
        """Remember those of ``images``, of different samples and all fooling, that are nearer than any before."""
        length = self.length(to_8_bit(images) if self.oracle.eight_bit else images, rows)
        nearer = length < self.distances[rows]
        self.images[rows[nearer]] = images[nearer]
        self.distances[rows[nearer]] = length[nearer]
