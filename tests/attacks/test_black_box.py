"""What all attacks without gradients promise: a cap on queries, no neighbours, and no query for what is done."""

from __future__ import annotations

import pytest
import torch

from attack_kit import answers, grey_images, linear_classifier, oracle, run, streams
from pixelproof.attacks.attack import Attack
from pixelproof.attacks.goal import Goal
from pixelproof.attacks.labels.boundary import Boundary
from pixelproof.attacks.labels.hop_skip_jump import HopSkipJump
from pixelproof.attacks.scores.nes import NES
from pixelproof.attacks.scores.square import SquareAttack
from pixelproof.attacks.scores.zoo import ZOO

SHAPE = (3, 6, 5)


def attacks(queries: int) -> list[Attack]:
    return [
        SquareAttack("linf", 2, queries),
        SquareAttack("l2", 8, queries),
        NES(2, samples=10, queries=queries),
        ZOO(queries, coordinates=20, searches=2),
        Boundary(queries),
        HopSkipJump("l2", queries),
        HopSkipJump("linf", queries),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("eight_bit", [False, True])
@pytest.mark.parametrize("queries", [1, 2, 57, 150])
def test_no_sample_costs_more_queries_than_it_may(queries: int, eight_bit: bool) -> None:
    model, images = linear_classifier(SHAPE), grey_images(5, SHAPE)
    for attack in attacks(queries):
        found, asked = run(attack, model, images, eight_bit=eight_bit)
        assert asked.queries.max() <= queries, attack.spec
        assert found.shape == images.shape
        assert asked.gradient_steps.sum() == 0


@pytest.mark.slow
@pytest.mark.parametrize("attack", attacks(400), ids=lambda a: a.spec)
def test_a_sample_does_not_depend_on_its_neighbours(attack: Attack) -> None:
    model, images = linear_classifier(SHAPE), grey_images(6, SHAPE)
    together, asked = run(attack, model, images)
    alone, asked_alone = run(attack, model, images[:3])
    assert torch.allclose(alone, together[:3], atol=1e-6)
    assert asked_alone.queries.tolist() == asked.queries[:3].tolist()


@pytest.mark.slow
@pytest.mark.parametrize("attack", attacks(400), ids=lambda a: a.spec)
def test_an_image_that_fools_already_costs_one_query(attack: Attack) -> None:
    model, images = linear_classifier(SHAPE, classes=2), grey_images(6, SHAPE)
    margin = model.scores(images).diff(dim=1).squeeze(1).abs()
    images = images[margin.argsort(descending=True)[:3]]
    right = answers(model, images)
    wrong = torch.tensor([True, False, False])
    asked = oracle(model, 3)
    found = attack(asked, images, Goal(torch.where(wrong, 1 - right, right)), streams(3))
    # Square's first query is of its stripes or bumps, which fool as well where the margin is large.
    assert asked.queries[0] == 1
    assert (asked.queries[1:] > 1).all()
    if attack.ball is None:
        assert torch.equal(found[0], images[0])
