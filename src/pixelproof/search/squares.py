"""The squares of Square Attack: how large they are as a search goes on, and where they lie.

M. Andriushchenko, F. Croce, N. Flammarion, M. Hein, "Square Attack: a query-efficient black-box adversarial attack via
random search", ECCV 2020, arXiv 1912.00049.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pixelproof.search.drawn_ahead import whole

#: Candidates for which the paper states its schedule.
HORIZON = 10_000
#: The share p of the image halves after these, of HORIZON (section 3.2).
HALVINGS = (10, 50, 200, 1000, 2000, 4000, 6000, 8000)
#: The authors' code, and AutoAttack, also halve at 500, which the paper leaves out.
AUTOATTACK_HALVINGS = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)


@dataclass(frozen=True)
class Schedule:
    """How squares shrink on images of ``shape`` (H, W, C): the first cover ``share`` of one, halved on the way.

    Halvings are stated for HORIZON candidates and scale with ``queries``; beyond these the last side stays.
    """

    shape: tuple[int, int, int]
    queries: int
    share: float
    halvings: tuple[int, ...] = HALVINGS

    def sides(self, done: Tensor) -> Tensor:
        """The sides int64 of squares after so many candidates, ``done`` int64 of any shape."""
        halved = torch.bucketize(
            (done * HORIZON).div(self.queries, rounding_mode="floor"), torch.tensor(self.halvings, device=done.device)
        )
        sides = [self._side(self.share / 2**times) for times in range(len(self.halvings) + 1)]
        return torch.tensor(sides, device=done.device)[halved]

    def _side(self, share: float) -> int:
        """The side of a square that covers a share of an image: a whole number from 1 to min(H, W)."""
        height, width, _ = self.shape
        return min(max(round(math.sqrt(share * height * width)), 1), height, width)


def corners(uniform: Tensor, side: Tensor | int, height: int, width: int) -> tuple[Tensor, Tensor]:
    """The first rows and columns, int64, of squares of ``side`` inside H×W, placed by ``uniform`` (…, 2) in [0, 1)."""
    return whole(uniform[..., 0], height + 1 - side), whole(uniform[..., 1], width + 1 - side)
