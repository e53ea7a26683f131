"""The flow attack: its flow loss against NumPy, and what a flow can and cannot do."""

from __future__ import annotations

import numpy as np
import torch

from attack_kit import answers, grey_images, linear_classifier, oracle, run, streams
from pixelproof.attacks.goal import Goal
from pixelproof.attacks.gradient.spatial import Spatial, roughness
from pixelproof.corruptions.warp import warp


def test_roughness_is_the_flow_loss_of_the_paper() -> None:
    flow = torch.randn(2, 4, 5, 2, generator=torch.Generator().manual_seed(0))
    for k, field in enumerate(flow.double().numpy()):
        total = sum(
            np.sqrt(((field[i, j] - field[i + a, j + b]) ** 2).sum())
            for i in range(4)
            for j in range(5)
            for a, b in ((0, 1), (1, 0), (0, -1), (-1, 0))
            if 0 <= i + a < 4 and 0 <= j + b < 5
        )
        assert np.isclose(roughness(flow)[k], total, rtol=1e-5)


def test_a_warp_by_whole_pixels_is_a_shift() -> None:
    images = torch.rand(2, 3, 6, 9, generator=torch.Generator().manual_seed(0))
    shift = torch.tensor([2.0, -1.0]).expand(2, 6, 9, 2)
    expected = torch.zeros_like(images)
    expected[:, :, 1:, :-2] = images[:, :, :-1, 2:]
    assert torch.allclose(warp(images, shift, "zeros"), expected, atol=1e-5)
    assert torch.allclose(warp(images, 0 * shift, "border"), images, atol=1e-6)


def test_flows_fool_with_the_colours_that_are_there() -> None:
    model, images = linear_classifier(), grey_images(6)
    found, _ = run(Spatial(tau=1e-3), model, images)
    assert bool((answers(model, found) != answers(model, images)).all())
    assert bool((found.amax((2, 3)) <= images.amax((2, 3)) + 1e-5).all())
    assert bool((found.amin((2, 3)) >= images.amin((2, 3)) - 1e-5).all())


def test_a_flat_image_cannot_be_moved() -> None:
    model, images = linear_classifier(), torch.full((2, 3, 8, 8), 90 / 255)
    found, _ = run(Spatial(iterations=5), model, images)
    assert torch.allclose(found, images, atol=1e-6)


def test_a_greater_tau_makes_smoother_flows() -> None:
    model, images = linear_classifier((1, 12, 12)), grey_images(4, (1, 12, 12))
    asked, labels = oracle(model, 4), answers(model, images)
    free, tied = (Spatial(tau, iterations=12)(asked, images, Goal(labels), streams(4)) for tau in (1e-6, 0.05))
    assert not torch.allclose(free, tied, atol=1e-4)
