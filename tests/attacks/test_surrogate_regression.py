"""Surrogate regression, on linear models whose boundaries are known in closed form and networks that lie."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from attack_kit import CPU, answers, grey_images, linear_classifier, oracle, streams
from pixelproof.attacks.goal import Goal
from pixelproof.attacks.oracle import Oracle
from pixelproof.attacks.scores.surrogate_regression import SurrogateRegression
from pixelproof.attacks.surrogates import SHIFTS, hints
from pixelproof.errors import InputError
from pixelproof.models import TorchClassifier
from pixelproof.units import grey_levels

SHAPE = (3, 8, 8)
MODEL = linear_classifier(SHAPE)
IMAGES = grey_images(12, SHAPE)
LABELS = answers(MODEL, IMAGES)


def least_levels(targets: torch.Tensor | None = None) -> torch.Tensor:
    """The fewest whole grey levels of a box with another answer in it (of ``targets``): the margin over the L1 norm."""
    weight = MODEL.module[1].weight.detach()
    scores = MODEL.scores(IMAGES).detach()
    margin = scores.gather(1, LABELS[:, None]) - scores
    slope = (weight[LABELS][:, None] - weight[None]).abs().sum(2)
    needed = (255 * margin / slope).scatter(1, LABELS[:, None], torch.inf)
    needed = needed.amin(1) if targets is None else needed.gather(1, targets[:, None]).squeeze(1)
    return needed.floor() + 1


def attacked(attack: SurrogateRegression, surrogate: TorchClassifier, targets: torch.Tensor | None = None):
    asked = Oracle(MODEL, 64, CPU, len(IMAGES), surrogates=[surrogate])
    return attack(asked, IMAGES, Goal(LABELS, targets), streams(len(IMAGES))), asked


@pytest.mark.parametrize("targeted", [False, True])
def test_the_model_as_its_own_surrogate_is_broken_at_once_and_only_where_it_can_be(targeted: bool) -> None:
    targets = (LABELS + 1) % 4 if targeted else None
    least = least_levels(targets)
    level = int(least.median())
    found, asked = attacked(SurrogateRegression(level, 40), MODEL, targets)
    fools = answers(MODEL, found) != LABELS if targets is None else answers(MODEL, found) == targets
    possible = least <= level  # towards a target other classes than the label may be in the way
    assert bool((fools == possible).all() if targets is None else (fools <= possible).all())
    assert 0 < int(fools.sum()) < len(IMAGES)
    if targets is None:
        assert int(asked.queries[fools].max()) <= 1 + 8  # the clean image and one round
    assert int(asked.queries.max()) == 39  # one is the judge's
    assert int(grey_levels(found - IMAGES).abs().max()) <= level


def test_hints_are_the_gradients_of_margins_of_all_views() -> None:
    rivals = torch.stack([(LABELS + 1) % 4, (LABELS + 2) % 4], 1)
    found = hints(oracle(MODEL, len(IMAGES)), IMAGES, LABELS, rivals)
    assert found.shape == (len(IMAGES), 4, 8, 8, 3)
    weight = MODEL.module[1].weight.detach().view(4, *SHAPE)
    exact = (weight[LABELS][:, None] - weight[rivals]).permute(0, 1, 3, 4, 2)
    shifted = sum(exact.roll((-down, -across), (2, 3)) for down, across in SHIFTS)
    torch.testing.assert_close(found[:, :2], shifted)
    mirrored = exact.flip(3)
    torch.testing.assert_close(found[:, 2:], sum(mirrored.roll((-down, -across), (2, 3)) for down, across in SHIFTS))


def test_what_surrogates_are_asked_is_not_counted() -> None:
    _, with_it = attacked(SurrogateRegression(1, 30), MODEL)
    seen = with_it.queries
    assert int(seen.max()) <= 29
    assert int(with_it.gradient_steps.sum()) == 0


def test_a_surrogate_that_points_the_wrong_way_is_no_harm() -> None:
    lying = TorchClassifier(nn.Sequential(nn.Flatten(), nn.Linear(192, 4)), kind="logits")
    with torch.no_grad():
        lying.module[1].weight.copy_(-MODEL.module[1].weight)
    level = int(least_levels().max()) + 1
    found, _ = attacked(SurrogateRegression(level, 200), lying)
    assert bool((answers(MODEL, found) != LABELS).all())


def test_two_calls_find_the_same_and_nothing_is_asked_without_a_surrogate() -> None:
    other = linear_classifier(SHAPE, seed=5)
    first, again = (attacked(SurrogateRegression(2, 60), other)[0] for _ in range(2))
    assert torch.equal(first, again)
    alone = Oracle(MODEL, 64, CPU, len(IMAGES))
    with pytest.raises(InputError, match="name one with pixelproof assess --surrogate MODEL"):
        SurrogateRegression()(alone, IMAGES, Goal(LABELS), streams(len(IMAGES)))
    assert int(alone.queries.sum()) == 0
    with pytest.raises(InputError, match="an epsilon from 1 to 255 grey levels, not 0"):
        SurrogateRegression(epsilon=0)
