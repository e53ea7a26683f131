"""σ-zero against the fewest pixels of a linear model, and its surrogate against automatic differentiation."""

from __future__ import annotations

import pytest
import torch

from attack_kit import answers, any_images, fewest_pixels, linear_classifier, run
from pixelproof.attacks.gradient import sigma_zero
from pixelproof.attacks.gradient.sigma_zero import SigmaZero
from pixelproof.attacks.pixel_ball import changed_pixels


@pytest.mark.parametrize(("shape", "classes"), [((3, 8, 8), 2), ((3, 8, 8), 4), ((1, 8, 8), 3)])
def test_within_a_pixel_of_the_fewest(shape: tuple[int, int, int], classes: int) -> None:
    model, images = linear_classifier(shape, classes), any_images(16, shape)
    model.module[1].bias.data[0] += 1  # some pixels to go
    found, _ = run(SigmaZero(iterations=200), model, images, eight_bit=True)
    pixels, fewest = changed_pixels(found - images), fewest_pixels(model, images)
    assert fewest.float().mean() > 2
    assert bool((answers(model, found) != answers(model, images)).all())
    assert bool((pixels >= fewest).all())
    assert (pixels <= fewest + 1).float().mean() >= 0.9
    assert (pixels == fewest).float().mean() >= 0.5


def test_images_are_8_bit_ones_and_pixels_not_needed_are_the_clean_ones() -> None:
    model, images = linear_classifier(), any_images(6)
    found, _ = run(SigmaZero(iterations=50), model, images, eight_bit=True)
    assert torch.equal((found * 255).round() / 255, found)
    assert found.min() >= 0
    assert found.max() <= 1
    assert bool((changed_pixels(found - images) < 16).all())


def test_one_pixel_ends_the_search_and_nothing_found_gives_the_clean_image() -> None:
    model, images = linear_classifier(), any_images(12)
    found, asked = run(SigmaZero(iterations=100), model, images, eight_bit=True)
    one = changed_pixels(found - images) == 1
    assert bool(one.any())
    assert torch.equal(asked.queries < 100, one)
    model.module[1].bias.data[0] += 100  # too far away to be fooled
    found, asked = run(SigmaZero(iterations=20), model, images, eight_bit=True)
    assert torch.equal(found, images)
    assert asked.gradient_steps.tolist() == [20] * 12


def test_what_differs_answers_the_target() -> None:
    model, images = linear_classifier(), any_images(12)
    targets = (answers(model, images) + 1) % 4
    found, _ = run(SigmaZero(iterations=100), model, images, targets, eight_bit=True)
    changed = (found != images).flatten(1).any(1)
    assert changed.float().mean() >= 0.9
    assert torch.equal(answers(model, found)[changed], targets[changed])


def test_the_surrogate_counts_pixels_and_its_slope_is_its_derivative() -> None:
    change = torch.zeros(2, 3, 4, 4, dtype=torch.float64)
    change[0, :, 1, 2] = torch.tensor([0.9, -0.5, 0.2])
    change[1, 1, 0, 0], change[1, 2, 3, 3] = 0.04, -1
    change.requires_grad_()
    size = change.square().sum(1)
    surrogate = (size / (size + 1e-3)).flatten(1).sum(1)
    assert torch.allclose(surrogate.round(), torch.tensor([1.0, 2.0]).double())
    (slope,) = torch.autograd.grad(surrogate.sum() / 16, change)
    assert torch.allclose(sigma_zero._slope(change.detach(), 1e-3), slope)


def test_a_pixel_stays_whole_where_one_channel_moves_far_enough() -> None:
    change = torch.zeros(1, 3, 2, 2)
    change[0, :, 0, 0] = torch.tensor([0.01, -0.3, 0])
    change[0, :, 1, 1] = torch.tensor([0.29, 0.29, 0.29])
    kept = sigma_zero._projected(change, torch.tensor([0.3]))
    assert torch.equal(kept[0, :, 0, 0], change[0, :, 0, 0])
    assert changed_pixels(kept).tolist() == [1]
