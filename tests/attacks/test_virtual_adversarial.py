"""The virtual adversarial direction against the first eigenvector of the Fisher matrix, which it approximates."""

from __future__ import annotations

import pytest
import torch

from attack_kit import grey_images, linear_classifier, run
from pixelproof.attacks.gradient.virtual_adversarial import VirtualAdversarial


@pytest.mark.parametrize(("eight_bit", "xi", "likeness"), [(False, 0.01, 0.999), (True, 1.0, 0.95)])
def test_direction_is_the_first_eigenvector(eight_bit: bool, xi: float, likeness: float) -> None:
    model, images = linear_classifier(), grey_images(5)
    found, asked = run(VirtualAdversarial(60, iterations=40, xi=xi), model, images, eight_bit=eight_bit)
    weight = model.module[1].weight.detach().double()
    for image, change in zip(images, (found - images).flatten(1).double(), strict=True):
        p = model.scores(image[None])[0].double().softmax(0).detach()
        fisher = weight.T @ (p.diag() - p[:, None] * p) @ weight  # the Hessian of KL(p(x) ‖ p(x + r)) at r = 0
        first = torch.linalg.eigh(fisher).eigenvectors[:, -1]
        assert abs(first @ change / change.norm()) > likeness
    assert asked.gradient_steps.tolist() == [40] * 5


def test_the_better_of_two_opposite_steps_is_kept() -> None:
    model, images = linear_classifier(classes=2), grey_images(6)
    found, _ = run(VirtualAdversarial(60), model, images)
    before, after = (model.scores(x).sort(1).values.diff()[:, 0] for x in (images, found))
    label = model.scores(images).argmax(1)
    same = model.scores(found).argmax(1) == label
    assert bool((after < before)[same].all())
    weight = model.module[1].weight.detach()
    drop = 60 / 255 * (weight[0] - weight[1]).norm()
    margin = (model.scores(images) - model.scores(found)).gather(1, torch.stack([label, 1 - label], 1))
    assert torch.allclose(margin[:, 0] - margin[:, 1], drop.expand(6), rtol=1e-2)
