"""The worst case of rotation, translation and brightness together.

Engstrom, Tran, Tsipras, Schmidt & Madry, "Exploring the Landscape of Spatial Robustness", ICML 2019: every pose of a
grid, or the worst of a few random ones; here with brightness in logit space as a third change beside their two.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import radians

import torch
from torch import Tensor

from pixelproof.corruptions.thesis.brightness import brightened
from pixelproof.corruptions.warp import mildest_first, posed
from pixelproof.errors import InputError
from pixelproof.image_draws import BITS, draws
from pixelproof.units import to_8_bit

#: Candidates of an image asked about at once, at most: doubled from 1, so that who falls to the first few pays for few.
_WIDTH = 16
#: Values of images asked about at once, at most (16 MiB).
_VALUES = 1 << 22


@dataclass(frozen=True)
class Worst:
    """What was found: ``images`` N×C×H×W in 8 bits, ``wrong`` bool N, ``queries`` int64 N, and ``changes`` N×4.

    A change is the rotation (degrees to the left), the moves right and down (pixels), and the brightness (0.5 is none).
    """

    images: Tensor
    wrong: Tensor
    queries: Tensor
    changes: Tensor


@dataclass(frozen=True)
class SpatialWorstCase:
    """Rotated to either side by up to ``rotation`` degrees, then moved by up to ``translation`` of its sides, then
    brightened or darkened by a change of up to ``brightness`` to either side of 0.5.

    The grid has ``rotations`` × ``translations``² × ``brightnesses`` candidates, the mildest first; ``draws`` above 0
    takes so many random ones instead, which follow from the image and ``seed``. The unchanged image comes before them
    all. What comes in from outside is black. Raises ``InputError`` for numbers out of range.
    """

    rotation: float = 30
    translation: float = 0.1
    brightness: float = 0.2
    rotations: int = 31
    translations: int = 5
    brightnesses: int = 3
    draws: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        if not (0 <= self.rotation <= 180 and 0 <= self.translation <= 1 and 0 <= self.brightness <= 0.5):
            raise InputError(
                "The worst case needs a rotation of 0 to 180 degrees, a translation of 0 to 1 of the image's sides and "
                f"a brightness of 0 to 0.5, not {self.rotation:g}, {self.translation:g} and {self.brightness:g}."
            )
        if min(self.rotations, self.translations, self.brightnesses) < 1 or self.draws < 0:
            raise InputError(
                "The worst case needs rotations, translations and brightnesses of at least 1 and draws of at least 0, "
                f"not {self.rotations}, {self.translations}, {self.brightnesses} and {self.draws}."
            )

    @torch.no_grad()
    def __call__(self, scores: Callable[[Tensor], Tensor], images: Tensor, labels: Tensor) -> Worst:
        """The first candidate of each of ``images`` (float32 N×C×H×W in [0, 1], ``labels`` int64 N) that is taken for
        another class, or else the one whose label leads the next class by least; ``scores`` are N×K of images.

        An image is asked about no further once it is taken for another class.
        """
        candidates = self._candidates(images)
        lead = torch.full((len(images),), torch.inf, device=images.device)
        queries = torch.zeros(len(images), dtype=torch.int64, device=images.device)
        best, changes = images.clone(), candidates[:, 0].clone()
        rows, start, width = torch.arange(len(images), device=images.device), 0, 1
        while start < candidates.shape[1] and len(rows):
            for some in torch.split(rows, max(1, _VALUES // (width * images[0].numel()))):
                asked = candidates[some, start : start + width]
                tries = changed(images[some].repeat_interleave(asked.shape[1], 0), asked.flatten(0, 1))
                leads = _lead(scores(tries), labels[some].repeat_interleave(asked.shape[1])).view(len(some), -1)
                least, pick = leads.min(1)
                closer, each = least < lead[some], torch.arange(len(some), device=images.device)
                found = some[closer]
                best[found] = tries.view(len(some), -1, *images.shape[1:])[each, pick][closer]
                changes[found], lead[found] = asked[each, pick][closer], least[closer]
                queries[some] += asked.shape[1]
            rows = rows[lead[rows] > -torch.inf]
            start, width = start + width, min(2 * width, _WIDTH)
        changes[:, 0].rad2deg_().neg_()
        changes[:, 3] += 0.5
        return Worst(best, lead == -torch.inf, queries, changes)

    def _candidates(self, images: Tensor) -> Tensor:
        """N×candidates×4: angles in radians to the right, moves in pixels, and changes of brightness less 0.5."""
        count, _, height, width = images.shape
        sides = self.translation * width, self.translation * height
        reach = torch.tensor([radians(self.rotation), *sides, self.brightness], device=images.device)
        if self.draws:
            drawn = draws(images, 4 * self.draws, self.seed) >> (BITS - 24)
            some = (drawn.float() * 2.0**-23 - 1).view(count, -1, 4)
        else:
            some = self._grid().to(images.device).expand(count, -1, -1)
        return torch.cat([some.new_zeros(count, 1, 4), some * reach], 1)

    def _grid(self) -> Tensor:
        grid = mildest_first((self.rotations, self.translations, self.translations, self.brightnesses))
        return grid[int((grid == 0).all(1).sum()) :]  # the unchanged image comes before them all


def changed(images: Tensor, changes: Tensor) -> Tensor:
    """``images`` n×C×H×W turned, moved and lit by ``changes`` n×4 (as ``_candidates`` gives them), in 8 bits."""
    lit = brightened(posed(images, changes[:, :3]), 0.5 + changes[:, 3, None, None, None])
    return to_8_bit(lit)


def _lead(scores: Tensor, labels: Tensor) -> Tensor:
    """By how much each label's score leads the next, n; −∞ where another class is the answer."""
    own = scores.gather(1, labels[:, None])[:, 0]
    others = scores.scatter(1, labels[:, None], -torch.inf).amax(1)
    return (own - others).masked_fill(scores.argmax(1) != labels, -torch.inf)
