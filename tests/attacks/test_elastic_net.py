"""EAD against the closed form of its objective on a linear model with two classes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from attack_kit import answers, grey_images, linear_classifier, run
from pixelproof.attacks.gradient.elastic_net import ElasticNet


def _least(normal: Tensor, margin: Tensor, beta: float) -> Tensor:
    """The least ‖δ‖₂² + β‖δ‖₁ with normal·δ = margin: δ = ½ sign(normal) max(0, λ|normal| − β), λ by bisection."""
    size, low, high = normal.abs().double(), 0.0, 1e6
    for _ in range(200):
        between = (low + high) / 2
        short = (size * (between * size - beta).clamp(min=0)).sum() / 2 < margin
        low, high = (between, high) if short else (low, between)
    change = (high * size - beta).clamp(min=0) / 2
    return change.square().sum() + beta * change.sum()


# With a beta of 0.01 in 8 bits the nearest image is farther: its changes are 2 grey levels at most.
@pytest.mark.slow
@pytest.mark.parametrize(("beta", "eight_bit"), [(0.01, False), (0.1, False), (0.1, True)])
def test_within_five_per_cent_of_the_closed_form(beta: float, eight_bit: bool) -> None:
    model, images = linear_classifier((3, 16, 16), classes=2), grey_images(6, (3, 16, 16))
    found, _ = run(ElasticNet(beta, iterations=60), model, images, eight_bit=eight_bit)
    labels = answers(model, images)
    assert bool((answers(model, found) != labels).all())
    weight = model.module[1].weight.detach()
    margins = model.scores(images).diff()[:, 0].abs().detach()
    change = (found - images).flatten(1).double()
    reached = change.square().sum(1) + beta * change.abs().sum(1)
    least = torch.stack([_least(weight[0] - weight[1], m.double(), beta) for m in margins])
    assert bool((reached >= 0.999 * least).all())
    assert bool((reached <= 1.05 * least).all()), (reached / least).tolist()


@pytest.mark.slow
def test_the_l1_rule_keeps_an_image_no_farther_in_l1() -> None:
    model, images = linear_classifier(), grey_images(6)
    by_en, by_l1 = (
        (run(ElasticNet(rule=r, searches=6, iterations=60), model, images)[0] - images).flatten(1) for r in ("en", "l1")
    )
    assert bool((by_l1.abs().sum(1) <= by_en.abs().sum(1) + 1e-6).all())
    assert not torch.equal(by_en, by_l1)


@pytest.mark.slow
def test_confidence_is_a_margin_beyond_the_boundary() -> None:
    model, images = linear_classifier(classes=2), grey_images(4)
    found, _ = run(ElasticNet(confidence=0.2, iterations=60), model, images)
    labels = answers(model, images)[:, None]
    scores = model.scores(found)
    beyond = (scores.gather(1, 1 - labels) - scores.gather(1, labels)).flatten()
    assert bool((beyond >= 0.2).all())
    assert bool((beyond <= 0.23).all())
