"""Balls of pixels: what they keep, what they count."""

from __future__ import annotations

import pytest
import torch

from attack_kit import any_images
from pixelproof.attacks.pixel_ball import PixelBall, changed_pixels, largest
from pixelproof.errors import InputError


def test_a_ball_keeps_the_pixels_that_moved_farthest_and_counts_each_once() -> None:
    clean, ball = any_images(3, (3, 5, 5)), PixelBall(2)
    moved = clean.clone()
    moved[:, :, 0, 0], moved[:, 1, 2, 3], moved[:, :, 4, 4] = 1 - clean[:, :, 0, 0].round(), 5, clean[:, :, 4, 4] + 1e-3
    inside = ball.project(moved, clean)
    assert bool(((inside != clean).any(1).flatten(1).sum(1) <= 2).all())
    assert torch.equal(inside[:, 1, 2, 3], torch.ones(3))
    assert torch.equal(inside[:, :, 4, 4], clean[:, :, 4, 4])
    assert torch.equal(ball.to_8_bit(inside, clean), ball.to_8_bit(moved, clean))
    assert ball.allows(ball.to_8_bit(moved, clean), clean).all()
    assert not ball.allows(1 - clean, clean).any()


def test_a_change_that_rounds_to_nothing_takes_no_place() -> None:
    clean = any_images(1, (1, 4, 4)).clamp(0.2, 0.8).mul(255).round() / 255
    moved = clean + 0.4 / 255
    moved[0, 0, 1, 1] = clean[0, 0, 1, 1] + 1 / 255
    rounded = PixelBall(1).to_8_bit(moved, clean)
    assert changed_pixels(rounded - clean).tolist() == [1]
    assert rounded[0, 0, 1, 1] != clean[0, 0, 1, 1]


def test_the_largest_are_exactly_as_many_even_where_they_are_equal() -> None:
    values = torch.zeros(2, 3, 3)
    values[0, 1, 1], values[1, 2, 0] = 1, -1
    assert largest(values, 4).flatten(1).sum(1).tolist() == [4, 4]
    assert bool(largest(values, 1)[0, 1, 1])
    assert not bool(largest(values, 8)[1, 2, 0])
    assert bool(largest(values, 50).all())


def test_a_ball_of_no_pixel_is_refused() -> None:
    with pytest.raises(InputError, match="at least 1"):
        PixelBall(0)
