"""The probit regression against the true posterior, by many draws from the prior."""

from __future__ import annotations

import torch
from torch import Tensor

from pixelproof.attacks.labels.probit import Probit

CPU = torch.device("cpu")


def told(features: Tensor, weights: Tensor) -> Tensor:
    return (features @ weights[:, :, None]).squeeze(2) > 0


def test_one_answer_gives_the_mean_and_the_covariance_of_the_true_posterior() -> None:
    feature = torch.tensor([[[2.0, -1.0, 0.5]]])
    regression = Probit(1, 3, CPU)
    regression.observe(feature, torch.tensor([[True]]))
    draws = torch.randn(400_000, 3, generator=torch.Generator().manual_seed(0))
    likelihood = torch.special.ndtr(draws @ feature[0, 0])
    weights = likelihood / likelihood.sum()
    mean = weights @ draws
    covariance = (draws - mean).T @ (weights[:, None] * (draws - mean))
    assert torch.allclose(regression.mean[0], mean, atol=0.01)
    assert torch.allclose(regression.covariance[0], covariance, atol=0.01)


def test_answers_taken_in_together_are_those_taken_in_one_by_one() -> None:
    random = torch.Generator().manual_seed(1)
    features, positive = torch.randn(3, 6, 5, generator=random), torch.rand(3, 6, generator=random) > 0.5
    together, single = Probit(3, 5, CPU), Probit(3, 5, CPU)
    together.observe(features, positive)
    for k in range(6):
        single.observe(features[:, k : k + 1], positive[:, k : k + 1])
    assert torch.allclose(together.mean, single.mean, atol=1e-5)
    assert torch.allclose(together.covariance, single.covariance, atol=1e-5)


def test_many_answers_tell_the_direction_and_lanes_are_alone() -> None:
    random = torch.Generator().manual_seed(2)
    weights = torch.randn(2, 8, generator=random)
    features = 5 * torch.randn(2, 400, 8, generator=random)
    regression = Probit(2, 8, CPU)
    for part in features.split(20, 1):
        regression.observe(part, told(part, weights))
    assert (torch.cosine_similarity(regression.mean, weights, dim=1) > 0.97).all()
    regression.keep(torch.tensor([False, True]))
    alone = Probit(1, 8, CPU)
    for part in features[1:].split(20, 1):
        alone.observe(part, told(part, weights[1:]))
    assert torch.allclose(regression.mean, alone.mean, atol=1e-5)


def test_contradictory_answers_leave_a_covariance_that_is_one() -> None:
    regression = Probit(1, 4, CPU)
    feature = torch.full((1, 10, 4), 30.0)
    for k in range(50):
        regression.observe(feature, torch.full((1, 10), k % 2 == 0))
    assert regression.mean.isfinite().all()
    assert torch.linalg.eigvalsh(regression.covariance[0]).min() > 0
