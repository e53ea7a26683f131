"""The shadow attack: its penalties against NumPy, and what they do to a change."""

from __future__ import annotations

import numpy as np
import torch

from attack_kit import answers, grey_images, linear_classifier, run
from pixelproof.attacks.gradient.shadow import Shadow, colour_mean, dissimilarity, variation


def test_penalties_are_those_of_the_paper() -> None:
    change = torch.randn(3, 3, 5, 7, generator=torch.Generator().manual_seed(0)) / 10
    for k, delta in enumerate(change.double().numpy()):
        means = [np.abs(channel).mean() for channel in delta]
        red, green, blue = delta
        pairs = np.concatenate([(red - green) ** 2, (red - blue) ** 2, (green - blue) ** 2])
        tv = sum(
            (c[i, j] - c[i + a, j + b]) ** 2
            for c in delta
            for a, b in ((0, 1), (1, 0))
            for i in range(5 - a)
            for j in range(7 - b)
        )
        assert np.isclose(variation(change)[k], tv, rtol=1e-5)
        assert np.isclose(colour_mean(change)[k], np.linalg.norm(means) ** 2, rtol=1e-5)
        assert np.isclose(dissimilarity(change)[k], np.linalg.norm(pairs), rtol=1e-5)


def test_a_grey_image_has_no_dissimilarity() -> None:
    assert dissimilarity(torch.rand(2, 1, 4, 4)).max() < 1e-6


def test_changes_fool_and_penalties_make_them_smooth_and_grey() -> None:
    model, images = linear_classifier(classes=2), grey_images(4)
    model.module[1].bias.data[0] += 0.3  # some way to go, as penalties are small beside a small change
    changes = []
    for attack in (Shadow(0, 0, 0, iterations=500), Shadow(tv=0.3, similarity=1, step=0.3, iterations=500)):
        found, _ = run(attack, model, images)
        assert answers(model, found).tolist() == [1] * 4
        changes.append((found - images) / (found - images).flatten(1).norm(dim=1)[:, None, None, None])
    rough, smooth = changes
    assert bool((variation(smooth) < 0.9 * variation(rough)).all())
    assert bool((dissimilarity(smooth) < 0.9 * dissimilarity(rough)).all())


def test_no_value_moves_farther_than_the_longest_step() -> None:
    model, images = linear_classifier(), grey_images(3)
    found, asked = run(Shadow(step=1000, longest=0.1), model, images)
    steps = (asked.gradient_steps - 1)[:, None, None, None]
    assert bool(((found - images).abs() <= 0.1 / 255 * steps + 1e-6).all())
    assert steps.min() > 1
