"""Checkpoint 16: levels in both norms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from audit_kit import TINY, ask, case, claim, lenet
from pixelproof.data import ImageSet
from pixelproof.jobs.audit.attacks import attempts
from pixelproof.jobs.audit.levels import levels

pytestmark = pytest.mark.slow

MORE = replace(TINY, level_samples=8)


class OnePixel(nn.Module):
    """Bright or dark by the mean, unless a pixel is pure white or black: then the other way. One pixel fools it, and
    no change of less than 55 grey levels does."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        score = 100 * (images.mean((1, 2, 3)) - 0.5)
        extreme = (images - 0.5).abs().amax((1, 2, 3)) > 0.49
        score = torch.where(extreme, -score, score)
        return torch.stack([-score, score], 1)


def flat(count: int) -> ImageSet:
    """Images of one grey level, 60 or 200."""
    labels = np.arange(count) % 2
    images = np.broadcast_to((60 + 140 * labels)[:, None, None, None], (count, 6, 6, 1)).astype(np.uint8)
    return ImageSet(images, labels, ("dark", "bright"))


def test_an_honest_network_passes():
    answer = ask(16, case())
    assert answer["verdict"] == "pass"
    assert len(answer["plots"][0]["rows"]) == 8


def test_one_norm_that_stands_does_not_hide_the_other_that_falls():
    told = claim(clean_accuracy=100, robust_accuracy=100, threat={"epsilon": 10})
    audit = case(OnePixel(), told, MORE, data=flat(60))
    answer = ask(16, audit)
    assert answer["verdict"] == "warn"
    assert "against relying on one norm" in answer["finding"]
    found = levels(audit)
    assert found["threshold", 10].right.successes == 8
    assert found["few-pixel", 1].right.successes == 0


def test_a_level_within_the_claim_refutes_it():
    told = claim(clean_accuracy=100, robust_accuracy=100, threat={"norm": "l0", "epsilon": 1})
    answer = ask(16, case(OnePixel(), told, MORE, data=flat(60)))
    assert answer["verdict"] == "fail"


def test_levels_are_attacks_where_they_lie_within_the_threat():
    audit = case(told=claim(threat={"norm": "l0", "epsilon": 3}), effort=replace(TINY, level_samples=4))
    found = levels(audit)
    assert len(attempts(audit)) == len(found) == 8
    assert found["few-pixel", 3].broken >= found["few-pixel", 1].broken
    for (attack, th), each in found.items():
        if attack == "few-pixel" and th <= 3:
            assert all(each.within)
    wrong = set(found["threshold", 10].rows) - set(audit.decision.right)
    assert found["threshold", 10].broken == wrong


def test_levels_are_measured_once():
    audit = case()
    levels(audit)
    kept = len(audit.evidence)
    levels(audit)
    assert len(audit.evidence) == kept


def test_targets_are_the_threats_own():
    audit = case(
        told=claim(threat={"goal": "targeted", "norm": "l0", "epsilon": 10}), effort=replace(TINY, level_samples=3)
    )
    found = levels(audit)["few-pixel", 10]
    attacked = [fooled for row, fooled in zip(found.rows, found.fooled, strict=True) if row in audit.decision.right]
    assert any(attacked)  # which needs the class that this audit drew, and no other


def test_random_labels_without_gradients_are_no_obstacle():
    network = lenet()

    def noisy(images: torch.Tensor) -> np.ndarray:
        scores = network(images + 0.02 * torch.randn(images.shape))
        return nn.functional.one_hot(scores.argmax(1), scores.shape[1]).numpy()

    audit = case(noisy, claim(robust_accuracy=20))
    assert audit.random
    assert ask(16, audit)["verdict"] in ("pass", "warn")
