"""Mask sets: blocks that hold every patch of the size, and unions of them."""

from __future__ import annotations

from itertools import combinations, product
from math import comb

import pytest
import torch

from pixelproof.defences import Masks
from pixelproof.errors import InputError


@pytest.mark.parametrize("shape", [(8, 8), (7, 10), (9, 6)])
@pytest.mark.parametrize("block", [1, 2, 3])
@pytest.mark.parametrize("patch", [1, 2, 3, 5])
def test_every_patch_lies_in_a_block(shape, block, patch):
    height, width = shape
    blocks = Masks(block, patch=patch).blocks(height, width)
    assert len(blocks) >= 2
    for top, left in product(range(height - patch + 1), range(width - patch + 1)):
        assert blocks[:, top : top + patch, left : left + patch].all((1, 2)).any()
    assert blocks.flatten(1).any(0).all()


def test_tiles_are_disjoint_and_a_pixel_less_would_not_do():
    tiles = Masks(4).blocks(32, 32)
    assert tiles.shape == (64, 32, 32)
    assert torch.equal(tiles.sum(0), torch.ones(32, 32, dtype=torch.int64))
    assert not any(tile[0:4, 2:6].all() for tile in tiles)  # disjoint blocks do not hold a patch across their border
    assert Masks(4, patch=4).blocks(32, 32).flatten(1).sum(1).max() == 49  # sides of block + patch − 1


def test_any_two_pixels_lie_in_a_mask():
    masks, blocks = Masks(2, pixels=2), Masks(2, pixels=2).blocks(6, 4)
    unions = blocks[masks.first_round(6, 4)].any(1)
    assert len(unions) == comb(6, 2)
    for (a, b), (c, d) in combinations(product(range(6), range(4)), 2):
        assert (unions[:, a, b] & unions[:, c, d]).any()


@pytest.mark.parametrize(
    ("masks", "words"),
    [
        (Masks(4), "any one pixel"),
        (Masks(8, pixels=2), "any 2 pixels"),
        (Masks(4, patch=3), "any one patch of 3×3 pixels"),
        (Masks(8, 2, 3), "any 2 patches of 3×3 pixels"),
    ],
)
def test_what_is_certified_in_words(masks, words):
    assert masks.certified == words


@pytest.mark.parametrize(
    ("masks", "text"),
    [
        (Masks(9), r"masks\(9\) has blocks of 9×9 pixels, larger than the images of 8×8; choose a smaller one"),
        (Masks(8), r"masks\(8\) has a mask that hides images of 8×8 whole; choose smaller blocks"),
        (Masks(2, patch=9), "larger than the images"),
        (Masks(4, patch=6), "has blocks of 9×9 pixels"),
        (Masks(4, pixels=4), "hides images of 8×8 whole"),
        (Masks(1, pixels=4), "makes 635,376 masks of images of 8×8, and each is asked about; choose larger blocks"),
    ],
)
def test_masks_that_do_not_suit_the_images(masks, text):
    with pytest.raises(InputError, match=text) as caught:
        masks.first_round(8, 8)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("numbers", [{"block": 0}, {"pixels": 0}, {"patch": -1}])
def test_numbers_below_one(numbers):
    ((name, number),) = numbers.items()
    with pytest.raises(InputError, match=f"Masks with {name} of at least 1 were expected, not {number}"):
        Masks(**numbers)
