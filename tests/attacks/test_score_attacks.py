"""Attacks on scores against what a linear model's best images are, and against a slower way to draw bumps."""

from __future__ import annotations

from math import sqrt

import pytest
import torch
from torch import Tensor

from attack_kit import answers, grey_images, linear_classifier, run
from pixelproof.attacks.gradient.fgsm import FGSM
from pixelproof.attacks.scores.nes import NES
from pixelproof.attacks.scores.square import SquareAttack, bump
from pixelproof.attacks.scores.zoo import ZOO
from pixelproof.errors import InputError

SHAPE = (1, 6, 6)
MODEL = linear_classifier(SHAPE, classes=2)


def nearest_possible(images: Tensor, dual: float) -> Tensor:
    """|margin| over the dual norm of the difference of weights, in grey levels."""
    margin = MODEL.scores(images).diff(dim=1).squeeze(1).abs()
    return margin / torch.linalg.vector_norm(MODEL.module[1].weight.detach().diff(dim=0), dual) * 255


def inside(found: Tensor, images: Tensor, epsilon: float, order: float) -> bool:
    length = torch.linalg.vector_norm((found - images).flatten(1), order, dim=1) * 255
    return bool((length <= epsilon + 1e-3).all()) and bool(((found >= 0) & (found <= 1)).all())


@pytest.mark.slow
@pytest.mark.parametrize("eight_bit", [False, True])
@pytest.mark.parametrize("targeted", [False, True])
def test_square_finds_just_what_fgsm_finds_on_a_linear_model(eight_bit: bool, targeted: bool) -> None:
    images = grey_images(40, SHAPE)
    right = answers(MODEL, images)
    targets = 1 - right if targeted else None
    fgsm, _ = run(FGSM(3), MODEL, images, targets, eight_bit)
    square, asked = run(SquareAttack("linf", 3, 1000), MODEL, images, targets, eight_bit)
    fooled = answers(MODEL, fgsm) != right
    assert 8 < fooled.sum() < 32
    assert torch.equal(answers(MODEL, square) != right, fooled)
    assert inside(square, images, 3, torch.inf)
    assert (asked.queries[~fooled] == 1000).all()
    assert (asked.queries[fooled] < 1000).all()


@pytest.mark.slow
@pytest.mark.parametrize("eight_bit", [False, True])
def test_square_in_l2_fools_what_is_well_inside_its_ball(eight_bit: bool) -> None:
    images, epsilon = grey_images(40, SHAPE), 20.0
    right = answers(MODEL, images)
    attack = SquareAttack("l2", epsilon, 800)
    found, _ = run(attack, MODEL, images, eight_bit=eight_bit)
    handed = attack.ball.to_8_bit(found, images) if eight_bit else found
    assert inside(handed, images, epsilon, 2)
    near = nearest_possible(images, 2) < 0.6 * epsilon
    assert 4 < near.sum() < 40
    assert (answers(MODEL, handed) != right)[near].all()


@pytest.mark.parametrize("queries", [10_000, 5_000, 1_000])
def test_the_squares_shrink_as_in_the_authors_code(queries: int) -> None:
    """``p_selection`` of the authors' program, of which AutoAttack's is a copy: p by the iteration of 10,000."""
    table = (  # beyond, up to, p of p_init
        (-1, 10, 1),
        (10, 50, 1 / 2),
        (50, 200, 1 / 4),
        (200, 500, 1 / 8),
        (500, 1000, 1 / 16),
        (1000, 2000, 1 / 32),
        (2000, 4000, 1 / 64),
        (4000, 6000, 1 / 128),
        (6000, 8000, 1 / 256),
        (8000, 10000, 1 / 512),
    )
    images = torch.zeros(1, 1, 300, 300)  # large enough that every p has a side of its own
    sides = SquareAttack(queries=queries).schedule(images).sides(torch.arange(queries)).tolist()
    for asked, side in enumerate(sides):
        iteration = asked * 10_000 // queries
        (share,) = (p for beyond, upto, p in table if beyond < iteration <= upto)
        assert side == round(sqrt(0.8 * share * 300 * 300)), iteration


@pytest.mark.parametrize("eight_bit", [False, True])
@pytest.mark.parametrize("targeted", [False, True])
def test_nes_fools_what_is_well_inside_its_box(eight_bit: bool, targeted: bool) -> None:
    images, epsilon = grey_images(40, SHAPE), 4.0
    right = answers(MODEL, images)
    found, _ = run(NES(epsilon, queries=2000), MODEL, images, 1 - right if targeted else None, eight_bit)
    assert inside(found, images, epsilon, torch.inf)
    near = nearest_possible(images, 1) < 0.7 * epsilon
    assert 4 < near.sum() < 40
    assert (answers(MODEL, found) != right)[near].all()


@pytest.mark.slow
@pytest.mark.parametrize("eight_bit", [False, True])
@pytest.mark.parametrize("searches", [1, 3])
def test_zoo_lands_on_the_nearest_image_of_a_linear_model(eight_bit: bool, searches: int) -> None:
    images = grey_images(200, SHAPE)
    images = images[nearest_possible(images, 2).argsort(descending=True)[:4]]
    right = answers(MODEL, images)
    found, _ = run(ZOO(4000, 12, constant=1, searches=searches), MODEL, images, 1 - right, eight_bit)
    if eight_bit:
        found = (found * 255).round() / 255
    assert torch.equal(answers(MODEL, found), 1 - right)
    ratio = (found - images).flatten(1).norm(dim=1) * 255 / nearest_possible(images, 2)
    assert ratio.max() < (1.1 if eight_bit else 1.05)


@pytest.mark.slow
def test_zoo_looks_for_a_constant_that_is_large_enough() -> None:
    images = grey_images(200, SHAPE)
    images = images[nearest_possible(images, 2).argsort(descending=True)[:4]]
    weak = ZOO(1000, 12, constant=1e-4)
    assert torch.equal(run(weak, MODEL, images)[0], images)
    found, _ = run(ZOO(6000, 12, constant=1e-4, searches=6), MODEL, images)
    assert (answers(MODEL, found) != answers(MODEL, images)).all()


@pytest.mark.parametrize("side", [1, 2, 3, 6, 7, 11])
def test_a_bump_is_the_sum_of_the_papers_nested_squares(side: int) -> None:
    def half(height: int) -> Tensor:
        whole = torch.zeros(height, side)
        top, left = height // 2, side // 2
        for k in range(max(height, side) // 2 + 1):
            whole[max(top - k, 0) : top + k + 1, max(left - k, 0) : left + k + 1] += 1 / (k + 1) ** 2
        return whole / whole.norm() if height else whole

    expected = torch.cat([half(side // 2), -half(side - side // 2)])
    assert torch.allclose(bump(side, expected), expected / expected.norm(), atol=1e-6)


def test_parameters_out_of_range_are_refused() -> None:
    with pytest.raises(InputError, match="norms linf and l2"):
        SquareAttack("l1")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="p_init of at most 1"):
        SquareAttack(p_init=1.5)
    with pytest.raises(InputError, match="queries above 0"):
        SquareAttack(queries=0)
    with pytest.raises(InputError, match="even number of samples"):
        NES(samples=7)
    with pytest.raises(InputError, match="sigma above 0"):
        NES(sigma=0)
    with pytest.raises(InputError, match="step above 0"):
        ZOO(step=-1)
