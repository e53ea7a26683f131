"""Rotation and translation against turns and shifts that are exact, and against asking about every pose."""

from __future__ import annotations

from math import pi, radians

import torch

from attack_kit import answers, grey_images, linear_classifier, run
from pixelproof.attacks.gradient.rotation_translation import RotationTranslation, posed  # type: ignore[attr-defined]


def test_quarter_turns_and_whole_pixels_are_exact() -> None:
    images = torch.rand(2, 3, 7, 7, generator=torch.Generator().manual_seed(0))
    turned = posed(images, torch.tensor([[pi / 2, 0, 0], [-pi / 2, 0, 0]]))
    assert torch.allclose(turned[0], images[0].rot90(-1, (1, 2)), atol=1e-5)
    assert torch.allclose(turned[1], images[1].rot90(1, (1, 2)), atol=1e-5)
    moved = posed(images, torch.tensor([[0, 2.0, 0], [0, 0, -3.0]]))
    assert torch.allclose(moved[0, :, :, 2:], images[0, :, :, :-2], atol=1e-5)
    assert torch.allclose(moved[1, :, :-3], images[1, :, 3:], atol=1e-5)
    assert moved[0, :, :, :2].abs().max() < 1e-5  # black comes in
    both = posed(images, torch.tensor([[pi / 2, 1.0, 0]]).expand(2, -1))  # first turned, then moved
    assert torch.allclose(both[:, :, :, 1:], images.rot90(-1, (2, 3))[:, :, :, :-1], atol=1e-5)


def test_the_mildest_fooling_pose_of_the_grid_is_found() -> None:
    model, images = linear_classifier(), grey_images(12)
    attack = RotationTranslation(rotation=20, translation=0.125, rotations=3, translations=3)
    found, asked = run(attack, model, images)
    labels = answers(model, images)
    grid = torch.cartesian_prod(*[torch.tensor([-1.0, 0, 1])] * 3)
    for k in range(12):
        tries = posed(images[k].expand(27, -1, -1, -1), grid * torch.tensor([radians(20), 1, 1]))
        fooled = answers(model, tries) != labels[k]
        same = (tries - found[k]).abs().flatten(1).amax(1) < 1e-5
        if fooled.any():
            mildest = grid.abs().sum(1)[fooled].min()
            assert bool((same & fooled & (grid.abs().sum(1) == mildest)).any())
            assert asked.queries[k] < 27
        else:
            label = labels[k]
            scores = model.scores(tries)
            margins = scores[:, label] - scores.index_fill(1, label, -torch.inf).amax(1)
            assert bool(same[margins.argmin()])
            assert asked.queries[k] == 27


def test_draws_are_within_reach_and_as_many_as_asked() -> None:
    model, images = linear_classifier(classes=2), torch.ones(3, 3, 8, 8) * 0.5  # on the boundary: nothing to find
    images[:, :, 2:6, 2:6] = 0.7
    _, asked = run(RotationTranslation(rotation=0, translation=0, draws=7), model, images)
    assert asked.queries.tolist() == [7] * 3
