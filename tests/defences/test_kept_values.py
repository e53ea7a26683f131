"""What is dropped is random from image to image, and fixed for each."""

from __future__ import annotations

import pytest
import torch

from pixelproof.defences.total_variation import kept_values


def _images(count: int, seed: int = 0) -> torch.Tensor:
    levels = torch.randint(0, 256, (count, 3, 16, 16), generator=torch.Generator().manual_seed(seed))
    return levels.float() / 255


@pytest.mark.slow
@pytest.mark.parametrize("probability", [0.3, 0.5, 0.9])
def test_the_share_kept_is_the_probability_of_every_place(probability):
    kept = kept_values(_images(4000), probability, 0).double()
    deviation = (probability * (1 - probability)) ** 0.5
    assert abs(float(kept.mean()) - probability) < 5 * deviation / kept.numel() ** 0.5
    assert (kept.mean(0) - probability).abs().max() < 5 * deviation / len(kept) ** 0.5


def test_draws_of_neighbours_and_of_channels_are_independent():
    kept = kept_values(_images(4000), 0.5, 0).double() - 0.5
    for one, other in (
        (kept[:, :, :, 1:], kept[:, :, :, :-1]),
        (kept[:, :, 1:], kept[:, :, :-1]),
        (kept[:, 1:], kept[:, :-1]),
        (kept[1:], kept[:-1]),
    ):
        assert abs(float((one * other).mean())) < 5 * 0.25 / one.numel() ** 0.5


def test_images_that_differ_by_one_grey_level_get_unrelated_masks():
    images = _images(1).repeat(769, 1, 1, 1).flatten(1)
    index = torch.arange(768)
    images[index, index] = (images[index, index] * 255 + 1).where(images[index, index] < 1, torch.tensor(0.0)) / 255
    kept = kept_values(images.view(769, 3, 16, 16), 0.5, 0).flatten(1)
    assert len({tuple(row) for row in kept.tolist()}) == 769
    assert ((kept[:-1] == kept[-1]).double().mean(1) - 0.5).abs().max() < 6 * 0.5 / 768**0.5


def test_the_same_image_gets_the_same_mask_wherever_it_stands():
    images = _images(5)
    kept = kept_values(images, 0.5, 3)
    assert torch.equal(kept_values(images.flip(0), 0.5, 3).flip(0), kept)
    assert torch.equal(kept_values(images[2:3], 0.5, 3), kept[2:3])
    assert torch.equal(kept_values(images.contiguous(memory_format=torch.channels_last), 0.5, 3), kept)
    assert torch.equal(kept_values(images + 0.001, 0.5, 3), kept)  # the same in 8 bits
    assert not torch.equal(kept_values(images, 0.5, 4), kept)


def test_all_and_next_to_nothing():
    images = _images(3)
    assert kept_values(images, 1.0, 0).all()
    assert not kept_values(images, 1e-12, 0).any()


def _splitmix(state: int) -> int:
    """SplitMix64's output function in unsigned Python integers."""
    mask = 2**64 - 1
    state &= mask
    state = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 & mask
    state = (state ^ state >> 27) * 0x94D049BB133111EB & mask
    return state ^ state >> 31


def test_against_unsigned_integers_of_any_size():
    """A change would make every stored claim about a model behind this defence false."""
    image = torch.arange(12).view(1, 3, 2, 2) / 255
    gamma = 0x9E3779B97F4A7C15
    state = _splitmix(sum(level * (_splitmix((level + 1) * gamma) | 1) for level in range(12)) + 7)
    draws = [_splitmix(state + (place + 1) * gamma) / 2**64 for place in range(12)]
    assert kept_values(image, 0.4, 7).flatten().tolist() == [draw < 0.4 for draw in draws]
