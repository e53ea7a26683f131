"""Checkpoint 6: success against iterations, and what a claim of too few looks like."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from audit_kit import TINY, ask, case, claim, lenet
from pixelproof.data import ImageSet
from pixelproof.jobs.audit.attacks import attempts
from pixelproof.jobs.audit.checkpoints.convergence import descend

pytestmark = pytest.mark.slow

MANY = replace(TINY, samples=60)


class Linear(nn.Module):
    """Two classes; the margin of an image is its mean less a half, so descent is a straight line."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        margin = images.flatten(1).mean(1) - 0.5
        return 100 * torch.stack([margin, -margin], 1)


def test_an_honest_network_passes_with_its_curve():
    answer = ask(6, case())
    assert answer["verdict"] == "pass"
    rows = answer["plots"][0]["rows"]
    assert [row["x"] for row in rows] == [10, 20, 40]
    assert rows[0]["y"] >= rows[1]["y"] >= rows[2]["y"]


@pytest.mark.parametrize("attack", ["PGD-2", "pgd"])
def test_a_claim_of_too_few_iterations_fails(attack):
    told = claim(robust_accuracy=60, evaluation={"attack": attack, "iterations": 2, "step": 0.1})
    answer = ask(6, case(told=told, effort=MANY))
    assert answer["verdict"] == "fail"
    assert answer["finding"].startswith("2 iterations, the claim's number, leave")
    assert answer["plots"][0]["mark"] == (2, "iterations of the claim")


def test_the_name_of_an_attack_tells_its_iterations():
    answer = ask(6, case(told=claim(evaluation={"attack": "pgd(iterations=10)", "iterations": None})))
    assert answer["plots"][0]["mark"][0] == 10


def test_a_claim_no_higher_than_the_end_was_not_measured_by_too_few():
    told = claim(robust_accuracy=10, evaluation={"attack": "pgd", "iterations": 2, "step": 0.1})
    assert ask(6, case(told=told, effort=MANY))["verdict"] == "pass"


def test_a_curve_that_still_falls_is_a_warning():
    answer = ask(6, case(told=claim(robust_accuracy=0, threat={"epsilon": 2}), effort=replace(MANY, iterations=4)))
    assert answer["verdict"] == "warn"
    assert "Success still grows: from 0 to 4 iterations" in answer["finding"]


def test_another_number_of_iterations_counts_only_where_the_attack_descends():
    answer = ask(6, case(told=claim(robust_accuracy=70, evaluation={"attack": "square", "iterations": 1})))
    assert answer["verdict"] == "pass"
    assert answer["plots"][0]["mark"] is None


def test_a_descent_falls_where_its_steps_say():
    """Grey images d + ½ levels above the boundary; of a start uniform in ±ε, k steps of 1 lower the mean k − k²/4ε."""
    above, epsilon = np.arange(0, 12, 3), 20
    grey = np.broadcast_to((128 + above)[:, None, None, None], (4, 32, 32, 3)).astype(np.uint8)
    data = ImageSet(grey, np.zeros(4, np.int64), ("bright", "dark"), "grey")
    audit = case(Linear(), claim(threat={"epsilon": epsilon}), data=data)
    found = descend(audit, 1, range(1, 31))
    steps = np.arange(1, 31)
    fallen = (steps - steps**2 / (4 * epsilon))[:, None] > audit.samples.images[:, 0, 0, 0].numpy() * 255 - 127.5
    expected = steps[fallen.argmax(0)]
    assert np.abs(np.array(found.fell) - expected).max() <= 1
    assert found.right(0).successes == 4
    assert found.right(30).successes == 0
    assert attempts(audit)[0].broken == {0, 1, 2, 3}


def test_a_descent_ends_when_two_doublings_change_nothing():
    found = descend(case(), 0.1, (10, 20, 40, 80, 160), (10, 20, 40, 80, 160))
    assert found.watched[-1] < 160
    assert found.broken(20) == found.broken(160)


def test_a_random_model_does_not_fail():
    class Noisy(nn.Module):
        """Randomised smoothing with one draw an answer."""

        def __init__(self) -> None:
            super().__init__()
            self.inner = lenet()

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return self.inner(images + 0.05 * torch.randn_like(images))

    told = claim(threat={"epsilon": 2}, evaluation={"attack": "pgd", "iterations": 20})
    audit = case(Noisy().eval(), told, replace(MANY, iterations=25))
    assert audit.random
    assert ask(6, audit)["verdict"] in ("pass", "warn")


def test_an_attack_that_ended_too_early_is_made_again_to_its_end():
    """Its iterations are enough; what they leave, about a third, is no more than half of the claim."""
    told = claim(robust_accuracy=70, evaluation={"attack": "pgd", "iterations": 40, "step": 0.5, "adaptive": False})
    answer = ask(6, case(told=told, effort=MANY))
    assert answer["verdict"] == "fail"
    assert "stopped early" in answer["finding"]
    assert ask(6, case(told=claim(robust_accuracy=20), effort=MANY))["verdict"] == "pass"
