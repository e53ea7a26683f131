"""The universal perturbation against the least length that a linear model needs."""

from __future__ import annotations

import pytest
import torch

from attack_kit import answers, grey_images, linear_classifier, run
from pixelproof.attacks.gradient.universal import Universal


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_as_short_as_a_linear_model_allows(norm: str) -> None:
    model, images = linear_classifier(classes=2), grey_images(40)
    images = images[answers(model, images) == 0]
    weight = model.module[1].weight.detach()
    dual = torch.linalg.vector_norm(weight[0] - weight[1], 1 if norm == "linf" else 2)
    needed = (model.scores(images)[:, 0] - model.scores(images)[:, 1]).detach().sort().values / dual * 255
    k = int(0.8 * len(images) + 0.999) - 1  # the sample that makes 0.8 of them
    for epsilon, fooled in ((1.02 * needed[k], True), (0.98 * needed[k], False)):
        found, _ = run(Universal(float(epsilon), norm), model, images)  # type: ignore[arg-type]
        share = (answers(model, found) == 1).float().mean()
        assert bool(share >= 0.8) is fooled


def test_one_change_for_all_and_no_step_after_the_rate() -> None:
    model, images = linear_classifier(), grey_images(12)
    found, asked = run(Universal(30, rate=0.5), model, images, eight_bit=True)
    assert torch.allclose(found - images, (found - images)[:1].expand(12, -1, -1, -1), atol=1e-6)
    assert (answers(model, found) != answers(model, images)).float().mean() >= 0.5
    assert asked.gradient_steps.max() < 100
    assert Universal.together
