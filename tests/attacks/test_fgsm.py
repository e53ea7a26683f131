"""FGSM against what its papers define on a linear model, where one step is all there is."""

from __future__ import annotations

import pytest
import torch

from attack_kit import answers, grey_images, linear_classifier, run
from pixelproof.attacks.gradient.fgsm import FGSM
from pixelproof.attacks.norm_ball import Norm
from pixelproof.errors import InputError


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_two_classes_move_by_the_dual_norm_of_the_weights(norm: Norm) -> None:
    model, images = linear_classifier(classes=2), grey_images(5)
    weight = model.module[1].weight.detach()
    epsilon = {"linf": 4.0, "l2": 60.0, "l1": 50.0}[norm]
    found, asked = run(FGSM(epsilon, norm), model, images)
    away = (1 - 2 * answers(model, images).float())[:, None] * torch.tensor([1.0, -1.0])
    moved = (away * (model.scores(found) - model.scores(images))).sum(1)
    dual = {"linf": 1, "l2": 2, "l1": torch.inf}[norm]
    expected = torch.linalg.vector_norm(weight[0] - weight[1], dual) * epsilon / 255
    assert torch.allclose(moved, -expected.expand(5), rtol=1e-3)
    assert asked.gradient_steps.tolist() == [1] * 5


def test_an_epsilon_that_is_not_positive_is_refused() -> None:
    with pytest.raises(InputError, match="above 0"):
        FGSM(0)
