"""Hidden pixels: filled ring after ring from what is known, and from nothing else."""

from __future__ import annotations

import torch

from pixelproof.defences import Masks
from pixelproof.defences.fill import GREY, _fill_rings, fill


def _hidden(*places, size=6):
    hidden = torch.zeros(1, size, size, dtype=torch.bool)
    for rows, columns in places:
        hidden[0, rows, columns] = True
    return hidden


def test_one_pixel_is_the_mean_of_its_eight_neighbours():
    image = torch.rand(1, 3, 6, 6)
    around = [image[0, :, 2 + i, 3 + j] for i in (-1, 0, 1) for j in (-1, 0, 1) if i or j]
    found = fill(image, _hidden((2, 3)))
    assert torch.allclose(found[0, :, 2, 3], torch.stack(around).mean(0), atol=1e-6)
    found[0, :, 2, 3] = image[0, :, 2, 3]
    assert torch.equal(found, image)


def test_a_corner_is_filled_from_where_there_is_an_image():
    image = torch.rand(1, 1, 6, 6)
    found = fill(image, _hidden((0, 0)))
    assert torch.allclose(found[0, 0, 0, 0], (image[0, 0, 0, 1] + image[0, 0, 1, 0] + image[0, 0, 1, 1]) / 3)


def test_a_block_of_three_by_hand():
    """A ramp of grey: the rim of the block comes first, its middle from the rim."""
    image = torch.arange(5.0).div(4).expand(1, 1, 5, 5).clone()
    found = fill(image, _hidden((slice(1, 4), slice(1, 4)), size=5))[0, 0]
    corner, side = (0 + 0 + 0 + 0.25 + 0.5) / 5, 0.0
    assert torch.allclose(found[1, 1], torch.tensor(corner))
    assert torch.allclose(found[2, 1], torch.tensor(side))
    assert torch.allclose(found[2, 2], torch.tensor(0.5))


def test_what_was_hidden_leaves_no_trace_bit_for_bit():
    generator = torch.Generator().manual_seed(0)
    image, other = torch.rand(2, 40, 3, 9, 7, generator=generator)
    hidden = torch.rand(40, 9, 7, generator=generator) < torch.linspace(0.02, 1, 40)[:, None, None]
    other = torch.where(hidden[:, None], other, image)
    other[:, :, 0, 0] = torch.where(hidden[:, :1, 0], torch.nan, image[:, :, 0, 0])
    assert not torch.equal(other, image)
    assert torch.equal(fill(other, hidden), fill(image, hidden))


def test_neighbours_in_the_batch_do_not_count():
    image, hidden = torch.rand(8, 3, 9, 9), torch.rand(8, 9, 9) < 0.7
    each = torch.cat([fill(image[k : k + 1], hidden[k : k + 1]) for k in range(8)])
    assert torch.equal(fill(image, hidden), each)


def test_nothing_known_is_grey():
    found = fill(torch.rand(2, 1, 4, 4), torch.ones(2, 4, 4, dtype=torch.bool))
    assert torch.equal(found, torch.full_like(found, GREY))


def test_gradients_reach_the_known_pixels_alone():
    image, hidden = torch.rand(1, 1, 6, 6, requires_grad=True), _hidden((slice(1, 3), slice(1, 3)))
    fill(image, hidden).square().sum().backward()
    assert image.grad is not None
    assert not image.grad[0, 0, 1:3, 1:3].any()
    assert image.grad[0, 0, 0, 0] > 2 * image.detach()[0, 0, 0, 0]  # its own, and what it gives to the block


def test_what_is_far_from_the_hidden_pixels_has_no_part_in_it():
    """Windows around them give the bits of the whole image, at its borders too, and for nothing hidden."""
    images, blocks = torch.rand(1, 3, 9, 12), Masks(3).blocks(9, 12)
    pairs = torch.cat([blocks[:, None] | blocks[None], blocks[:1, None] & blocks[None]], dim=0).flatten(0, 1)
    for hidden in (*pairs[:, None], pairs, blocks):
        many = images.expand(len(hidden), -1, -1, -1)
        assert torch.equal(fill(many, hidden), _fill_rings(many, hidden))
