"""PGD and BIM on a linear model, where the worst change of a budget is known, and beside independent descents."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from attack_kit import answers, grey_images, linear_classifier, run, streams
from pixelproof.attacks.gradient.bim import BIM
from pixelproof.attacks.gradient.directions import sparse_descent
from pixelproof.attacks.gradient.pgd import PGD
from pixelproof.attacks.norm_ball import Norm, NormBall, random_start
from pixelproof.errors import InputError

DUAL = {"linf": 1, "l2": 2, "l1": torch.inf}
ORDER = {"linf": torch.inf, "l2": 2, "l1": 1}


def distances(images: Tensor, norm: Norm) -> Tensor:
    """The L-norm distances, in grey levels, of ``images`` to the boundary of the two-class linear model."""
    model = linear_classifier(classes=2)
    weight = model.module[1].weight.detach()
    scores = model.scores(images)
    return 255 * (scores[:, 0] - scores[:, 1]).abs() / torch.linalg.vector_norm(weight[0] - weight[1], DUAL[norm])


def lengths(found: Tensor, images: Tensor, norm: Norm) -> Tensor:
    return 255 * torch.linalg.vector_norm((found - images).flatten(1), ORDER[norm], dim=1)


@pytest.mark.parametrize("eight_bit", [False, True])
@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_a_budget_just_above_the_distance_is_enough_and_one_below_is_not(norm: Norm, eight_bit: bool) -> None:
    model, images = linear_classifier(classes=2), grey_images(6)
    needed = distances(images, norm)
    slack = {"linf": 1.0, "l2": 20.0, "l1": 2.0}[norm] if eight_bit else 0.05 * float(needed.max())
    for k in range(3):
        one = images[k : k + 1]
        attack = PGD(norm, float(needed[k]) + slack, iterations=40)
        found, _ = run(attack, model, one, eight_bit=eight_bit)
        assert answers(model, found) != answers(model, one)
        assert attack.ball.allows(found, one) if eight_bit else lengths(found, one, norm) <= attack.epsilon + 1e-3
        if needed[k] > 1:
            missed, _ = run(PGD(norm, 0.95 * float(needed[k])), model, one, eight_bit=eight_bit)
            assert answers(model, missed) == answers(model, one)


def test_targets_are_reached() -> None:
    model, images = linear_classifier(), grey_images(6)
    targets = (answers(model, images) + 1) % 4
    found, _ = run(PGD(epsilon=20), model, images, targets)
    assert answers(model, found).equal(targets)


def test_a_sample_that_is_fooled_costs_nothing_more() -> None:
    model, images = linear_classifier(classes=2), grey_images(6)
    attack = BIM(epsilon=float(distances(images, "linf").median()), step=0.5, iterations=30)
    found, asked = run(attack, model, images)
    fooled = answers(model, found) != answers(model, images)
    assert fooled.any()
    assert not fooled.all()
    assert (asked.gradient_steps[fooled] < 30).all()
    assert asked.gradient_steps[~fooled].eq(30).all()
    assert asked.queries[~fooled].eq(31).all()


def test_bim_is_repeated_fgsm() -> None:
    """Beside a descent written out for a linear model of two classes, whose gradient has one sign everywhere."""
    model, images = linear_classifier(classes=2), grey_images(4)
    weight = model.module[1].weight.detach()
    sign = ((weight[1] - weight[0]).sign() * (1 - 2 * answers(model, images).float())[:, None]).view_as(images)
    stay = 1e-3  # too little to fool anything
    found, _ = run(BIM(epsilon=stay, step=stay / 4, iterations=3), model, images)
    assert torch.allclose(found - images, sign * 0.75 * stay / 255, atol=1e-7)
    found, _ = run(BIM(epsilon=stay, step=stay / 4, iterations=9), model, images)
    assert torch.allclose(found - images, sign * stay / 255, atol=1e-7)


def test_restarts_attack_again_only_what_is_left() -> None:
    model, images = linear_classifier(classes=2), grey_images(6)
    epsilon = float(distances(images, "linf").median())
    found, asked = run(PGD(epsilon=epsilon, iterations=5, restarts=3), model, images)
    fooled = answers(model, found) != answers(model, images)
    assert asked.gradient_steps[~fooled].eq(15).all()
    assert (asked.gradient_steps[fooled] <= 5).any()


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_neighbours_change_nothing(norm: Norm) -> None:
    model, images = linear_classifier(), grey_images(6)
    epsilon = {"linf": 1.0, "l2": 30.0, "l1": 200.0}[norm]
    among, _ = run(PGD(norm, epsilon, iterations=7), model, images)
    alone, _ = run(PGD(norm, epsilon, iterations=7), model, images[:3])
    assert torch.allclose(among[:3], alone, atol=1e-6)


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_a_random_start_is_uniform_in_the_ball(norm: Norm) -> None:
    """In D dimensions the share of the volume within a share r of the radius is r^D."""
    clean = torch.full((4000, 1, 1, 2), 0.5)
    start = random_start(clean, NormBall(norm, 50), streams(4000))
    share = lengths(start, clean, norm) / 50
    assert share.max() <= 1 + 1e-5
    for r in (0.3, 0.6, 0.9):
        assert abs(float((share < r).float().mean()) - r**2) < 0.035  # 4 standard errors are 0.03
    assert (start - clean).mean(0).abs().max() * 255 < 3


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_whole_levels_stay_inside_and_give_up_little(norm: Norm) -> None:
    clean = grey_images(5, (3, 16, 16))
    budget = NormBall(norm, {"linf": 3.0, "l2": 60.0, "l1": 1500.0}[norm])
    change = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0)) / 20
    images = budget.project(clean + change, clean)
    rounded = budget.to_8_bit(images, clean)
    assert (rounded * 255 - (rounded * 255).round()).abs().max() < 1e-4
    assert budget.allows(rounded, clean).all()
    assert (lengths(rounded, clean, norm) > 0.97 * budget.epsilon).all()
    assert budget.to_8_bit(rounded, clean).equal(rounded)


def test_a_sparse_step_moves_the_largest_values_that_can_move() -> None:
    gradient = torch.tensor([5.0, -4.0, 3.0, -2.0, 1.0, 0.0]).view(1, 1, 1, 6)
    images = torch.tensor([0.0, 0.5, 0.5, 1.0, 0.5, 0.5]).view(1, 1, 1, 6)
    step = sparse_descent(gradient, images, torch.tensor([2]))
    assert step.flatten().tolist() == [0, 0.5, -0.5, 0, 0, 0]
    assert sparse_descent(gradient, images, torch.tensor([9])).abs().sum() == pytest.approx(1)


@pytest.mark.parametrize(
    "make", [lambda: PGD("l3", 8), lambda: PGD(step=0), lambda: BIM(iterations=0), lambda: PGD(restarts=0)]
)
def test_bad_parameters_are_refused(make) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError):
        make()
