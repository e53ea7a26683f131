"""A substitute trained on a model's answers, and momentum attacks."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from audit_kit import CPU, TINY, bundled, case, claim
from pixelproof.attacks.goal import Goal
from pixelproof.attacks.norm_ball import NormBall
from pixelproof.data import ImageSet
from pixelproof.jobs.audit.substitute import ITERATIONS, Momentum, transfer

pytestmark = pytest.mark.slow

ATTACK = Momentum("MI-FGSM", "cross-entropy", decay=1)


class Bright(nn.Module):
    """Class 1 where the mean of the image is above a half: the nearest image of the other class is known."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        score = 20 * (images.mean((1, 2, 3)) - 0.5)
        return torch.stack([-score, score], 1)


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_images_reach_the_edge_of_the_ball_and_stay_in_it(norm):
    """Of a linear model the best change is known: values go down by 16 on average, but for what rounding costs."""
    clean = torch.full((3, 1, 8, 8), 140 / 255)
    budget = NormBall(norm, {"linf": 16, "l2": 128, "l1": 1024}[norm])
    found = ATTACK(Bright(), clean, Goal(torch.ones(3, dtype=torch.int64)), budget, torch.Generator())
    assert budget.allows(found, clean).all()
    change = ((found - clean) * 255).round()
    assert (change <= 0).all()
    assert change.flatten(1).sum(1).tolist() == pytest.approx([-16 * 64] * 3, rel=0.15 if norm == "l1" else 0.02)


def test_momentum_is_the_sum_of_normalised_gradients():
    """Three steps by hand, after equations (6) and (7) of the paper, on a network whose gradient turns."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(12, 8), nn.Tanh(), nn.Linear(8, 3))
    with torch.no_grad():
        for k, parameter in enumerate(network.parameters()):
            parameter.copy_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(k)))
    clean = torch.rand(2, 3, 2, 2, generator=torch.Generator().manual_seed(9))
    clean = (clean * 255).round() / 255
    goal = Goal(torch.tensor([0, 1]))
    now, velocity = clean.clone(), torch.zeros_like(clean)
    for _ in range(ITERATIONS):
        now.requires_grad_()
        loss = nn.functional.cross_entropy(network(now), goal.labels, reduction="sum")
        (gradient,) = torch.autograd.grad(loss, now)
        velocity = velocity + gradient / gradient.abs().mean((1, 2, 3), keepdim=True)
        now = (now.detach() + 8 / 8 / 255 * velocity.sign()).clamp(clean - 8 / 255, clean + 8 / 255).clamp(0, 1)
    found = ATTACK(network, clean, goal, NormBall("linf", 8), torch.Generator())
    assert torch.equal((found * 255).round(), (now * 255).round().clamp(0, 255))


def easy(count: int) -> ImageSet:
    """Dark and bright images, the labels being those."""
    labels = torch.arange(count) % 2
    numbers = torch.Generator().manual_seed(0)
    level = 90 + 70 * labels[:, None, None, None] + 20 * torch.rand((count, 12, 12, 1), generator=numbers)
    return ImageSet(level.byte().numpy(), labels.numpy(), ("dark", "bright"))


def test_a_substitute_learns_an_easy_model_and_its_images_fool_it():
    told = claim(clean_accuracy=100, robust_accuracy=0, threat={"epsilon": 60})
    audit = case(lambda images: Bright()(images), told, data=easy(250))
    found = transfer(audit)
    assert found.agreement.successes >= 0.9 * found.agreement.total
    assert len(found.attacked.broken) >= 30
    assert found.attacked.needs == "scores"


def test_it_is_trained_once_and_alike():
    effort, few = replace(TINY, samples=10, substitute_epochs=1), bundled().take(range(100))
    audit, again = (case(told=claim(threat={"epsilon": 8}), effort=effort, data=few) for _ in range(2))
    first = transfer(audit)
    kept = len(audit.evidence)
    assert transfer(audit) == first
    assert len(audit.evidence) == kept
    assert replace(transfer(again).attacked, seconds=0) == replace(first.attacked, seconds=0)


def test_it_asks_no_more_than_the_threat_model_allows():
    effort = replace(TINY, samples=10, substitute_epochs=1)
    found = transfer(case(told=claim(threat={"epsilon": 8, "queries": 30}), effort=effort))
    assert 0 < found.images <= 300


def test_few_images_are_enough_to_go_on():
    audit = case(told=claim(threat={"norm": "l2", "epsilon": 64}), data=bundled().take(range(3)))
    assert transfer(audit).attacked.rows == (0, 1, 2)
    assert audit.device == CPU
