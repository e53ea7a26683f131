"""Checkpoint 9: random noise does not beat attacks that follow gradients."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.nn.functional import one_hot

from audit_kit import TINY, Flat, Noisy, ask, case, claim, lenet
from pixelproof.attacks.norm_ball import NormBall
from pixelproof.jobs.audit.attacks import attempts
from pixelproof.jobs.audit.checkpoints.noise import _noisy, noise
from pixelproof.models.wrap import wrap_model

pytestmark = pytest.mark.slow

LIGHT = replace(TINY, samples=24, iterations=5, noise_samples=10, noise_draws=200)


def test_an_honest_network_passes_with_the_number_of_draws():
    audit = case(effort=LIGHT)
    answer = ask(9, audit)
    assert answer["verdict"] == "pass"
    stand = int(dict(answer["numbers"])["Samples that noise is drawn for"].split(",")[0])
    assert dict(answer["numbers"])["Draws in all"] == f"{200 * stand:,}"
    assert any(each.attack.startswith("noise") for each in attempts(audit))


def test_noise_that_finds_what_gradients_do_not_fails():
    effort = replace(LIGHT, samples=60, iterations=1, noise_samples=16)
    told = claim(robust_accuracy=45, threat={"epsilon": 48}, evaluation={"adaptive": False})
    answer = ask(9, case(Flat().eval(), told, effort))
    assert answer["verdict"] == "fail"
    assert "that gradients do not fool" in answer["finding"]


def test_a_claim_that_noise_alone_refutes_fails_without_gradients():
    model = lenet().eval()
    labels = wrap_model(lambda images: one_hot(model(images).argmax(1), 10).float(), kind="labels")
    effort = replace(LIGHT, noise_samples=24, label_samples=24, label_queries=2)
    answer = ask(9, case(labels, claim(robust_accuracy=76, threat={"epsilon": 96}), effort))
    assert answer["verdict"] == "fail"
    assert "Under noise alone" in answer["finding"]


def test_where_gradients_fool_all_noise_can_win_nothing():
    answer = ask(9, case(told=claim(robust_accuracy=0, threat={"epsilon": 32}), effort=LIGHT))
    assert answer["verdict"] == "pass"
    assert "No sample is left" in answer["finding"]


def test_a_random_model_passes_and_gets_all_its_draws():
    answer = ask(9, case(Noisy().eval(), effort=replace(LIGHT, samples=12, iterations=3, noise_draws=100, draws=2)))
    assert answer["verdict"] == "pass"
    assert int(dict(answer["numbers"])["Draws in all"].replace(",", "")) % 100 == 0


def test_draws_are_no_more_than_the_queries_of_the_threat_model():
    answer = ask(9, case(told=claim(threat={"queries": 50}), effort=LIGHT))
    assert "50 draws each" in answer["finding"]


@pytest.mark.parametrize(("norm", "epsilon"), [("linf", 3), ("l2", 100), ("l1", 2000)])
def test_noise_lies_in_the_ball_and_goes_to_its_corners(norm, epsilon):
    audit, samples = case(), torch.arange(4)
    rows = samples.repeat_interleave(6)
    clean, budget = audit.samples.images[rows], NormBall(norm, epsilon)
    images = _noisy(clean, budget, audit.samples.streams("noise", samples).of(rows), each=6)
    assert bool(budget.allows(images, clean).all())
    assert torch.allclose((images * 255).round() / 255, images, atol=1e-6)
    assert len({image.numpy().tobytes() for image in images}) == 24
    if norm == "linf":
        change = ((images - clean).abs() * 255).round()
        inner = (clean > 4 / 255) & (clean < 251 / 255)
        assert bool((change[1::2][inner[1::2]] == 3).all())
        assert change[::2][inner[::2]].unique().tolist() == [0, 1, 2, 3]


def test_the_same_noise_is_drawn_again():
    first, second = (noise(case(Flat().eval(), claim(threat={"epsilon": 24})), [0, 1, 2], 300) for _ in range(2))
    assert first.fooled == second.fooled
    assert first.queries == second.queries
