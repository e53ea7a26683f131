"""CapsNet: the paper's equations and procedure, written out a second time, one number after another."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from pixelproof.zoo.capsnet import CapsNet, margin_loss, route, squash, votes


def _small() -> CapsNet:
    torch.manual_seed(0)
    return CapsNet(3, maps=4, types=2)


def _squashed(s):
    """Eq. 1 as it is printed."""
    squared = sum(each * each for each in s)
    return squared / (1 + squared) * s / math.sqrt(squared)


def _procedure_1(predicted, iterations):
    """Routing of one image's predictions û[i][j] (vectors), capsule by capsule; every s and v of the last round."""
    capsules, parents, _ = predicted.shape
    b = np.zeros((capsules, parents))
    for _ in range(iterations):
        c = np.zeros_like(b)
        for i in range(capsules):
            total = sum(math.exp(each) for each in b[i])
            for j in range(parents):
                c[i, j] = math.exp(b[i, j]) / total
        s = [sum(c[i, j] * predicted[i, j] for i in range(capsules)) for j in range(parents)]
        v = [_squashed(each) for each in s]
        for i in range(capsules):
            for j in range(parents):
                b[i, j] += predicted[i, j] @ v[j]
    return np.array(s), np.array(v)


@pytest.mark.parametrize("iterations", [1, 2, 3, 5])
def test_the_routing_is_procedure_1(iterations):
    predicted = np.random.default_rng(iterations).normal(size=(2, 5, 3, 4))  # N×I×J×D
    s = route(torch.from_numpy(predicted).transpose(1, 2), iterations)
    for image in range(2):
        expected_s, expected_v = _procedure_1(predicted[image], iterations)
        np.testing.assert_allclose(s[image].numpy(), expected_s, rtol=1e-12)
        np.testing.assert_allclose(squash(s[image]).numpy(), expected_v, rtol=1e-12)


def test_routing_three_times_is_the_default():
    predicted = torch.randn(1, 3, 5, 4)
    assert torch.equal(route(predicted), route(predicted, 3))
    assert not torch.allclose(route(predicted), route(predicted, 2))


def test_a_vote_is_a_matrix_times_a_capsule():
    rng = np.random.default_rng(0)
    u, weights = rng.normal(size=(2, 5, 8)), rng.normal(size=(5, 8, 3 * 16))
    given = votes(torch.from_numpy(u), torch.from_numpy(weights)).numpy()
    assert given.shape == (2, 3, 5, 16)
    for image, j, i in np.ndindex(2, 3, 5):
        matrix = weights[i, :, 16 * j : 16 * (j + 1)].T  # W_ij, 16×8
        np.testing.assert_allclose(given[image, j, i], matrix @ u[image, i], rtol=1e-12, atol=1e-12)


def test_squash_in_closed_form():
    long, short = torch.tensor([3.0, 4.0]), torch.tensor([0.03, 0.04])
    torch.testing.assert_close(squash(long), 25 / 26 * torch.tensor([0.6, 0.8]))
    torch.testing.assert_close(squash(short), 0.0025 / 1.0025 * torch.tensor([0.6, 0.8]))


def test_squashing_nothing_gives_nothing_and_a_finite_gradient():
    nothing = torch.zeros(2, 16, requires_grad=True)
    squash(nothing).sum().backward()
    assert torch.equal(squash(nothing), torch.zeros(2, 16))
    assert nothing.grad.isfinite().all()


def test_margin_loss_by_hand():
    lengths = torch.tensor([[0.95, 0.3, 0.05], [0.95, 0.3, 0.05]])
    # Class 0 is long enough, and 1 is 0.2 too long: 0.5 · 0.2². Class 1 lacks 0.6, and 0 is 0.85 too long.
    first, second = 0.5 * 0.2**2, 0.6**2 + 0.5 * 0.85**2
    assert float(margin_loss(lengths[:1], torch.tensor([0]))) == pytest.approx(first)
    assert float(margin_loss(lengths, torch.tensor([0, 1]))) == pytest.approx((first + second) / 2)


def test_a_score_is_the_logit_of_a_length():
    network = _small().double().eval()
    images = torch.rand(4, 3, 32, 32, dtype=torch.float64)
    with torch.no_grad():
        lengths = torch.linalg.vector_norm(squash(network._routed(images).double()), dim=2)
        scores = network(images)
    torch.testing.assert_close(scores.double(), torch.logit(lengths), rtol=1e-5, atol=1e-5)
    assert torch.equal(scores.argmax(1), lengths.argmax(1))


def test_the_training_loss_adds_the_reconstruction_of_the_true_class():
    network, images, labels = _small(), torch.rand(2, 3, 32, 32), torch.tensor([2, 0])
    with torch.no_grad():
        capsules = squash(network._routed(images))
        masked = torch.zeros_like(capsules)
        for image, label in enumerate(labels):
            masked[image, label] = capsules[image, label]
        error = float((network.decoder(masked.flatten(1)).reshape(images.shape) - images).square().sum())
        expected = float(margin_loss(capsules.norm(dim=2), labels)) + 0.0005 * error / 2
        assert float(network.training_loss(images, labels)) == pytest.approx(expected, rel=1e-5)


def test_every_parameter_learns():
    network = _small()
    network.training_loss(torch.rand(2, 3, 32, 32), torch.tensor([0, 1])).backward()
    assert all(each.grad is not None and bool(each.grad.any()) for each in network.parameters())
