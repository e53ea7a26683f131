"""Checkpoint 5: success does not fall as epsilon grows, and reaches everything without bounds."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from audit_kit import TINY, ask, bundled, case, claim, lenet
from pixelproof.jobs.audit.attacks import attempts

pytestmark = pytest.mark.slow

FEW = replace(TINY, samples=16)


class Smoothing(nn.Module):
    """Blurs what is rough, and lets no gradient through the blur: strong attacks set it off, weak ones do not."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = lenet()

    def forward(self, images: Tensor) -> Tensor:
        smooth = functional.avg_pool2d(images, 3, 1, 1, count_include_pad=False)
        rough = (images - smooth).abs().flatten(1).mean(1) > 0.04
        return self.inner(torch.where(rough[:, None, None, None], smooth.detach(), images))


class Remembering(nn.Module):
    """Finds the image that it knows best again, even under noise, and gives no gradient but 0."""

    def __init__(self) -> None:
        super().__init__()
        data = bundled()
        known = torch.from_numpy(data.images.copy()).permute(0, 3, 1, 2).flatten(1).float()
        self.known = nn.Parameter(functional.normalize(known - known.mean(1, keepdim=True)))
        self.labels = torch.from_numpy(data.labels.copy())

    def forward(self, images: Tensor) -> Tensor:
        flat = images.detach().flatten(1)
        alike = functional.normalize(flat - flat.mean(1, keepdim=True)) @ self.known.T
        scores = torch.zeros(len(images), 10).scatter_reduce(1, self.labels.expand_as(alike), alike, "amax")
        return 50 * scores + 0 * images.sum()


def test_an_honest_network_passes_with_its_curve():
    answer = ask(5, case())
    assert answer["verdict"] == "pass"
    (plot,) = answer["plots"]
    epsilons, right = [row["x"] for row in plot["rows"]], [row["y"] for row in plot["rows"]]
    assert epsilons == [1, 2, 4, 255]  # below one grey level nothing can change
    assert right == sorted(right, reverse=True)
    assert right[-1] == 0
    assert plot["mark"][0] == 1


@pytest.mark.parametrize(("norm", "epsilon"), [("l2", 30), ("l1", 300)])
def test_other_norms_end_at_the_diameter(norm, epsilon):
    answer = ask(5, case(told=claim(threat={"norm": norm, "epsilon": epsilon}, evaluation={"norm": norm}), effort=FEW))
    assert answer["verdict"] == "pass"
    assert answer["plots"][0]["rows"][-1]["x"] == pytest.approx(255 * (3072**0.5 if norm == "l2" else 3072))


def test_success_that_falls_fails():
    told = claim(robust_accuracy=60, threat={"epsilon": 4}, evaluation={"adaptive": False})
    answer = ask(5, case(Smoothing().eval(), told))
    assert answer["verdict"] == "fail"
    assert "Success falls from epsilon" in answer["finding"]


def test_what_stands_without_bounds_fails():
    answer = ask(5, case(Remembering().eval(), claim(clean_accuracy=100, robust_accuracy=90), FEW))
    assert answer["verdict"] == "fail"
    assert "With all the room there is" in answer["finding"]


@pytest.mark.parametrize("where", ["threat", "evaluation"])
def test_an_epsilon_on_the_scale_of_one_fails_before_anything_is_measured(where):
    audit = case(told=claim(**{where: {"epsilon": 8 / 255}}))
    answer = ask(5, audit)
    assert answer["verdict"] == "fail"
    assert "grey levels" in answer["finding"]
    assert "8 is 8/255" in answer["remedy"]
    assert not attempts(audit)


def test_a_claim_of_the_255th_of_its_epsilon_fails():
    answer = ask(5, case(told=claim(robust_accuracy=75, threat={"epsilon": 8})))
    assert answer["verdict"] == "fail"
    assert "epsilon / 255" in answer["finding"]


def test_a_claim_that_is_too_high_for_another_reason_is_not_called_a_wrong_scale():
    assert ask(5, case(told=claim(robust_accuracy=50, threat={"epsilon": 8})))["verdict"] == "pass"


def test_targets_are_reached_without_bounds():
    assert ask(5, case(told=claim(threat={"goal": "targeted", "epsilon": 2})))["verdict"] == "pass"


def test_without_gradients_it_is_skipped_with_the_reason():
    model = lenet().eval()
    answer = ask(5, case(lambda images: model(images).detach().numpy()))
    assert answer["verdict"] == "skipped"
    assert "gives no gradients" in answer["finding"]


def test_a_claim_that_agrees_with_a_smaller_epsilon_is_asked_for_its_unit():
    """Within 8 grey levels nothing of LeNet stays; within 2, which are 8/255 of values four times as wide, a tenth."""
    told = claim(robust_accuracy=30, threat={"epsilon": 4}, evaluation={"epsilon": 4, "attack": "pgd"})
    answer = ask(5, case(told=told))
    assert answer["verdict"] == "fail"
    assert "Its unit may be another" in answer["finding"]
    assert "an epsilon of 1" in answer["finding"]
