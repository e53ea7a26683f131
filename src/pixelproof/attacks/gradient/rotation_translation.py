"""Rotation and translation: the same picture, turned and moved.

Engstrom, Tran, Tsipras, Schmidt & Madry, "Exploring the Landscape of Spatial Robustness", ICML 2019: the search over a
grid, and the worst of a few random poses. It needs no gradients, since a grid this small beats them (their section 5).
"""

from dataclasses import dataclass
from math import radians

import torch
from torch import Tensor

from pixelproof.attacks.attack import Attack
from pixelproof.attacks.goal import Goal
from pixelproof.attacks.oracle import Oracle
from pixelproof.corruptions.warp import mildest_first, posed
from pixelproof.errors import InputError
from pixelproof.seeds import Streams

#: Poses of a sample asked about at once, at most: doubled from 1, so that who falls to the first few pays for a few.
_WIDTH = 16


@dataclass(frozen=True)
class RotationTranslation(Attack):
    """The smallest pose of a grid that fools, or, with ``draws``, the first of so many random ones.

    ``rotation`` is in degrees to either side, ``translation`` a share of the image's sides in all four directions; the
    grid has ``rotations`` × ``translations`` × ``translations`` poses. What comes in from outside is black.
    """

    name = "rotation-translation"
    needs = "scores"

    rotation: float = 30
    translation: float = 0.1
    rotations: int = 31
    translations: int = 5
    draws: int = 0

    def __post_init__(self) -> None:
        if not (0 <= self.rotation <= 180 and 0 <= self.translation <= 1):
            raise InputError(
                "rotation-translation needs a rotation of 0 to 180 degrees and a translation of 0 to 1 of the image's "
                f"sides, not {self.rotation:g} and {self.translation:g}."
            )
        if min(self.rotations, self.translations) < 1 or self.draws < 0:
            raise InputError(
                "rotation-translation needs rotations and translations of at least 1 and draws of at least 0, not "
                f"{self.rotations}, {self.translations} and {self.draws}."
            )

    def __call__(self, oracle: Oracle, images: Tensor, goal: Goal, streams: Streams) -> Tensor:
        best, rows = images.clone(), goal.rows
        nearest = torch.full((len(images),), torch.inf, device=images.device)
        poses = self._poses(images, streams)
        start, width = 0, 1
        while start < poses.shape[1] and len(rows):
            some = poses[rows, start : start + width]
            tries = posed(images[rows].repeat_interleave(some.shape[1], 0), some.flatten(0, 1))
            owners = rows.repeat_interleave(some.shape[1])
            scores, aim = oracle.log_scores(tries, owners), goal.of(owners)
            loss = aim.loss("margin", scores).float().masked_fill(aim.reached(scores), -torch.inf)
            pick = loss.view(len(rows), -1).argmin(1)  # the first that fools, or the nearest to it
            loss, tries = (_picked(t, pick) for t in (loss, tries))
            closer = loss < nearest[rows]
            best[rows[closer]], nearest[rows[closer]] = tries[closer], loss[closer]
            rows = rows[loss != -torch.inf]
            start, width = start + width, min(2 * width, _WIDTH)
        return best

    def _poses(self, images: Tensor, streams: Streams) -> Tensor:
        """Angles in radians and moves in pixels, N×poses×3, the mildest first on a grid."""
        height, width = images.shape[2:]
        reach = torch.tensor(
            [radians(self.rotation), self.translation * width, self.translation * height], device=images.device
        )
        if self.draws:
            return (2 * streams.uniform(self.draws, 3) - 1) * reach
        grid = mildest_first((self.rotations, self.translations, self.translations), images.device)
        return (grid * reach).expand(len(images), -1, -1)


def _picked(values: Tensor, pick: Tensor) -> Tensor:
    """Of ``values``, as many a sample, the one whose number is in ``pick``."""
    each = values.view(len(pick), -1, *values.shape[1:])
    return each[torch.arange(len(pick), device=pick.device), pick]
