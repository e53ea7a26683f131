"""AutoPGD beside its paper's schedule, closed forms of a linear model, and few classes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from attack_kit import answers, grey_images, linear_classifier, run
from pixelproof.attacks.gradient.apgd import AutoPGD, Objective
from pixelproof.attacks.gradient.climb import HalvingClimb, L1Climb, l1_box_projection
from pixelproof.attacks.norm_ball import Norm, NormBall, l1_projection
from pixelproof.errors import InputError
from pixelproof.models import TorchClassifier

DUAL = {"linf": 1, "l2": 2, "l1": torch.inf}
ORDER = {"linf": torch.inf, "l2": 2, "l1": 1}


def distances(model: TorchClassifier, images: Tensor, norm: Norm) -> Tensor:
    """Distances in grey levels to the nearest of all boundaries of a linear model: |margin| / dual norm."""
    weight, scores = model.module[1].weight.detach(), model.scores(images)
    label = scores.argmax(1)
    gaps = scores.gather(1, label[:, None]) - scores
    slopes = torch.linalg.vector_norm(weight[label][:, None] - weight[None], DUAL[norm], dim=2)
    return 255 * (gaps / slopes.clamp(min=1e-12)).scatter(1, label[:, None], torch.inf).amin(1)


def test_checkpoints_are_those_of_the_paper() -> None:
    assert sorted(HalvingClimb.checkpoints(100)) == [22, 41, 57, 70, 80, 87, 93, 99]
    assert sorted(HalvingClimb.checkpoints(10)) == [3, 5, 6, 7, 8, 9, 10]


# Cross-entropy with two classes only: of several, what raises it most need not lead to the nearest.
@pytest.mark.parametrize(
    ("loss", "classes"),
    [("ce", 2), ("dlr", 2), ("dlr", 3), ("targeted-dlr", 2), ("targeted-dlr", 3), ("targeted-dlr", 4)],
)
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_it_fools_within_a_twentieth_of_the_distance(norm: Norm, loss: Objective, classes: int) -> None:
    model, images = linear_classifier(classes=classes), grey_images(6)
    needed = distances(model, images, norm)
    for k in range(2):
        attack = AutoPGD(norm, 1.05 * float(needed[k]), loss)
        found, _ = run(attack, model, images[k : k + 1])
        assert answers(model, found) != answers(model, images[k : k + 1])
        moved = 255 * torch.linalg.vector_norm((found - images[k]).flatten(1), ORDER[norm], dim=1)
        assert moved <= attack.epsilon + 1e-4
        missed, _ = run(AutoPGD(norm, 0.99 * float(needed[k]), loss, 10), model, images[k : k + 1])
        assert answers(model, missed) == answers(model, images[k : k + 1])


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_eight_bit_images_stay_in_the_budget_and_fool(norm: Norm) -> None:
    model, images = linear_classifier(), grey_images(6)
    attack = AutoPGD(norm, float(distances(model, images, norm).max()) + {"linf": 1, "l2": 20}[norm])
    found, _ = run(attack, model, images, eight_bit=True)
    assert (answers(model, found) != answers(model, images)).all()
    assert attack.ball.allows(found, images).all()
    assert attack.ball.to_8_bit(found, images).equal(found)


@pytest.mark.parametrize("loss", ["ce", "dlr", "targeted-dlr"])
@pytest.mark.parametrize("classes", [2, 3, 5])
def test_targets_are_reached(loss: Objective, classes: int) -> None:
    model, images = linear_classifier(classes=classes), grey_images(6)
    targets = (answers(model, images) + 1) % classes
    found, _ = run(AutoPGD("linf", 20, loss, 40), model, images, targets)
    assert answers(model, found).equal(targets)


@pytest.mark.slow
@pytest.mark.parametrize("eight_bit", [False, True])
def test_in_l1_too(eight_bit: bool) -> None:
    model, images = linear_classifier(classes=2), grey_images(6)
    needed = distances(model, images, "l1")
    for k in range(3):
        attack = AutoPGD("l1", 1.05 * float(needed[k]) + 3 * eight_bit, "dlr")
        found, _ = run(attack, model, images[k : k + 1], eight_bit=eight_bit)
        assert answers(model, found) != answers(model, images[k : k + 1])
        assert 255 * (found - images[k]).abs().sum() <= attack.epsilon + 1e-3
        missed, _ = run(AutoPGD("l1", 0.99 * float(needed[k]), "dlr", 25), model, images[k : k + 1])
        assert answers(model, missed) == answers(model, images[k : k + 1])


@pytest.mark.slow
def test_the_l1_projection_is_the_nearest_point_of_ball_and_box() -> None:
    """Beside alternating projections onto the two, with Dykstra's corrections, which converge to that point."""
    generator = torch.Generator().manual_seed(0)
    clean = torch.rand(5, 1, 2, 8, generator=generator)
    images = clean + torch.randn(clean.shape, generator=generator)
    radius = 1.5
    here, ball, box = images, torch.zeros_like(images), torch.zeros_like(images)
    for _ in range(3000):
        inside = clean + l1_projection((here + ball - clean).flatten(1), radius).view_as(clean)
        ball = here + ball - inside
        here = (inside + box).clamp(0, 1)
        box = inside + box - here
    found = l1_box_projection(images, clean, radius)
    assert torch.allclose(found, here, atol=1e-4)
    assert (found - clean).abs().flatten(1).sum(1).max() <= radius + 1e-5
    near = clean + 0.01 * (clean < 0.5)
    assert torch.allclose(l1_box_projection(near, clean, radius), near, atol=1e-6)


def test_l1_steps_follow_the_sparsity_of_the_best_image() -> None:
    clean = torch.full((2, 1, 1, 30), 0.5)
    climb = L1Climb(NormBall("l1", 30), torch.arange(2), clean, clean + 0.001)
    assert climb.values.tolist() == pytest.approx([6, 6])  # a fifth of all
    assert sorted(L1Climb.checkpoints(100)) == list(range(4, 101, 4))
    climb.moved = clean.clone()
    climb.moved[0, ..., :9], climb.moved[1] = 0.51, 0.51  # nine values changed, and all of them
    climb.learn(torch.tensor([1.0, 1.0]), torch.ones_like(clean))
    climb.moved = clean
    climb.adjust()
    assert climb.values.tolist() == pytest.approx([6, 20])
    assert climb.step.flatten().tolist() == pytest.approx([30 / 255, 20 / 255])
    assert climb.moved[0].equal(climb.best[0])
    assert climb.moved[1].equal(clean[1])


def test_steps_halve_and_return_to_the_best_as_algorithm_1_says() -> None:
    """Three samples: one that improves always, one too seldom, one always but not beyond its best of the last check."""
    images = torch.full((3, 1, 1, 2), 0.5)
    climb = HalvingClimb(NormBall("linf", 8), torch.arange(3), images, images)
    climb.learn(torch.tensor([9.0, 9.0, 9.0]), torch.ones_like(images))
    assert climb.step.flatten().tolist() == pytest.approx([16 / 255] * 3)
    for losses in ([8.0, 8.0, 8.0], [7.0, 8.5, 7.0], [6.0, 8.2, 6.0], [5.0, 8.3, 5.0]):
        climb.advance()
        climb.learn(torch.tensor(losses), torch.ones_like(images))
    climb.adjust()
    assert climb.halved.tolist() == [False, True, False]
    assert climb.step.flatten().tolist() == pytest.approx([16 / 255, 8 / 255, 16 / 255])
    assert climb.moved[1].equal(climb.best[1])
    for losses in ([4.0, 8.0, 20.0], [3.0, 7.0, 19.0], [2.0, 6.0, 18.0], [1.0, 5.0, 17.0]):
        climb.advance()
        climb.learn(torch.tensor(losses), torch.ones_like(images))
    climb.adjust()
    assert climb.halved.tolist() == [False, False, True]  # the last improves 3 of 4 times, but its best is as before
    assert climb.best_loss.tolist() == [1.0, 5.0, 5.0]


def test_the_targeted_ratio_tries_wrong_classes_in_turn_until_one_fools() -> None:
    """Boundaries in one direction only: the likeliest wrong class is out of reach, another near."""
    layer = nn.Linear(4, 3)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[0.0, 0, 0, 0], [0.01, 0, 0, 0], [0, 30, 0, 0]]))
        layer.bias.copy_(torch.tensor([1.0, 0.9, -15.0]))
    model = TorchClassifier(nn.Sequential(nn.Flatten(), layer), kind="logits")
    images = torch.full((1, 1, 2, 2), 0.5)
    found, asked = run(AutoPGD("linf", 12, "targeted-dlr", 10), model, images)
    assert answers(model, found).tolist() == [2]
    assert asked.gradient_steps.item() > 11  # all of the first class, and some of the second
    assert asked.gradient_steps.item() < 22


def test_a_sample_that_is_fooled_costs_nothing_more_and_restarts_attack_the_rest() -> None:
    model, images = linear_classifier(), grey_images(6)
    epsilon = float(distances(model, images, "linf").median())
    found, asked = run(AutoPGD("linf", epsilon, iterations=10, restarts=2), model, images)
    fooled = answers(model, found) != answers(model, images)
    assert fooled.any()
    assert not fooled.all()
    assert (asked.gradient_steps[fooled] < 11).any()
    assert asked.gradient_steps[~fooled].eq(22).all()


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_neighbours_change_nothing(norm: Norm) -> None:
    model, images = linear_classifier(), grey_images(6)
    attack = AutoPGD(norm, float(distances(model, images, norm).median()), iterations=15)
    among, _ = run(attack, model, images)
    alone, _ = run(attack, model, images[:3])
    assert torch.allclose(among[:3], alone, atol=1e-6)


@pytest.mark.parametrize(
    "make",
    [lambda: AutoPGD("l3"), lambda: AutoPGD(loss="hinge"), lambda: AutoPGD(iterations=0), lambda: AutoPGD(restarts=0)],  # type: ignore[arg-type]
)
def test_bad_parameters_are_refused(make) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError):
        make()
