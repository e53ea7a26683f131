"""Sets of masks of which one hides whatever an attacker may change: blocks, and unions of them.

Xiang, Mahloujifar & Mittal, "PatchCleanser: Certifiably Robust Defense against Adversarial Patches for Any Image
Classifier", USENIX Security 2022, section 3.2 (the R-covering mask set).
"""

from dataclasses import dataclass
from functools import cache
from itertools import combinations
from math import comb

import torch
from torch import Tensor

from pixelproof.errors import InputError

#: Masks of the first round beyond which a set is refused: every answer costs as many images.
MOST = 50_000


@dataclass(frozen=True)
class Masks:
    """Hides any ``pixels`` patches of ``patch``×``patch`` pixels, wherever they are; a ``patch`` of 1 is one pixel.

    Blocks start every ``block`` pixels down and across. For single pixels they are the disjoint tiles of
    ``block``×``block`` pixels. A larger patch may lie across the border of two tiles, so each block then reaches
    ``patch`` − 1 pixels into the next ones (sides of block + patch − 1, as in the paper): the block in whose tile a
    patch begins holds all of it. At the right and lower edges blocks are cut off. A mask is the union of ``pixels``
    different blocks. Raises ``InputError`` for numbers below 1.
    """

    block: int = 4
    pixels: int = 1
    patch: int = 1

    def __post_init__(self) -> None:
        for name in ("block", "pixels", "patch"):
            number = getattr(self, name)
            if number < 1:
                raise InputError(f"Masks with {name} of at least 1 were expected, not {number}; masks(4) is usual.")

    @property
    def name(self) -> str:
        return f"masks({self.block})" if self == Masks(self.block) else self.spec

    @property
    def spec(self) -> str:
        return f"masks(block={self.block},pixels={self.pixels},patch={self.patch})"

    @property
    def certified(self) -> str:
        """What a certificate is about, in words: ``any one pixel``, ``any 2 patches of 3×3 pixels``."""
        if self.patch == 1:
            return "any one pixel" if self.pixels == 1 else f"any {self.pixels} pixels"
        size = f"{self.patch}×{self.patch} pixels"
        return f"any one patch of {size}" if self.pixels == 1 else f"any {self.pixels} patches of {size}"

    def blocks(self, height: int, width: int) -> Tensor:
        """The blocks as bools B×H×W, row by row, on the CPU: do not change them.

        Raises ``InputError`` for an image that the masks do not suit: all of it in one mask, or too many masks.
        """
        return _blocks(self, height, width)

    def first_round(self, height: int, width: int) -> Tensor:
        """Every mask as the numbers of its blocks, M×``pixels`` integers. Raises ``InputError`` as ``blocks`` does."""
        return _first_round(self, height, width)


@cache
def _blocks(masks: Masks, height: int, width: int) -> Tensor:
    shape = f"{height}×{width}"
    side = masks.block + masks.patch - 1
    if masks.patch > min(height, width) or side > max(height, width):
        raise InputError(
            f"{masks.name} has blocks of {side}×{side} pixels, larger than the images of {shape}; choose a smaller one."
        )
    starts = [(top, left) for top in _starts(masks, height) for left in _starts(masks, width)]
    if len(starts) <= masks.pixels:
        raise InputError(
            f"{masks.name} has a mask that hides images of {shape} whole; choose smaller blocks or fewer pixels."
        )
    number = comb(len(starts), masks.pixels)
    if number > MOST:
        raise InputError(
            f"{masks.name} makes {number:,} masks of images of {shape}, and each is asked about; choose larger blocks "
            f"or fewer pixels, for at most {MOST:,}."
        )
    blocks = torch.zeros(len(starts), height, width, dtype=torch.bool)
    for one, (top, left) in zip(blocks, starts, strict=True):
        one[top : top + side, left : left + side] = True
    return blocks


def _starts(masks: Masks, length: int) -> range:
    """Where blocks begin along a side: so that the tile of every place where a patch may begin has one."""
    return range(0, length - masks.patch + 1, masks.block)


@cache
def _first_round(masks: Masks, height: int, width: int) -> Tensor:
    number = len(_blocks(masks, height, width))
    return torch.tensor(list(combinations(range(number), masks.pixels)))
