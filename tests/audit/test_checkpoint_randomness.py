"""Checkpoint 11: expectation over transformation."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from functools import cache, partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import audit_kit
from audit_kit import TINY, ask, claim, lenet
from pixelproof.defences import defend
from pixelproof.jobs.audit.attacks import attempts
from pixelproof.jobs.audit.context import AuditContext
from pixelproof.models import load_model

pytestmark = pytest.mark.slow

SMALL = replace(TINY, clean=40, draws=4)
case = partial(audit_kit.case, effort=SMALL)


class Noisy(nn.Module):
    def __init__(self, sigma: float = 4) -> None:
        super().__init__()
        self.inner, self.sigma = lenet(), sigma

    def forward(self, images: Tensor) -> Tensor:
        scores: Tensor = self.inner(images + torch.randn_like(images) * self.sigma / 255)
        return scores


@cache
def noisy() -> AuditContext:
    """Measured once for all claims about it."""
    return case(Noisy())


def under(audit: AuditContext, **changes: Any) -> AuditContext:
    """The same audit, evidence and all, of another claim about it."""
    again = copy(audit)
    again.claim = claim(**changes)
    again.threat = again.claim.threat
    return again


def test_nothing_random_passes_at_no_cost():
    audit = case()
    answer = ask(11, audit)
    assert answer["verdict"] == "pass"
    assert "Nothing is random" in answer["finding"]
    assert attempts(audit) == []


def test_a_claim_that_averaging_takes_down_fails():
    audit = under(noisy(), robust_accuracy=75)
    answer = ask(11, audit)
    assert answer["verdict"] == "fail"
    assert "averaged over none" in answer["finding"]
    assert "EOT" in answer["remedy"]
    assert [row["x"] for row in answer["plots"][0]["rows"]] == [1, 2, 4]
    assert len(attempts(audit)) == 3


def test_no_draws_named_is_a_warning_where_the_claim_stands():
    answer = ask(11, under(noisy(), robust_accuracy=20))
    assert answer["verdict"] == "warn"
    assert "names no draws" in answer["finding"]


def test_an_honest_claim_over_draws_passes():
    answer = ask(11, under(noisy(), robust_accuracy=20, evaluation={"draws": 10}))
    assert answer["verdict"] == "pass"


def test_an_overstated_claim_over_draws_is_a_warning_here():
    answer = ask(11, under(noisy(), robust_accuracy=76, evaluation={"draws": 10}))
    assert answer["verdict"] == "warn"
    assert "not reproduced" in answer["finding"]


def test_a_random_step_with_a_seed_is_found():
    small = replace(SMALL, samples=8, draws=2)
    audit = case(defend(load_model("zoo:lenet"), "noise(4)"), claim(robust_accuracy=10), effort=small)
    answer = ask(11, audit)
    assert not audit.random
    assert "noise(4)" in answer["finding"]
    assert answer["verdict"] == "warn"


def test_a_black_box_claim_does_not_fail_by_gradients():
    answer = ask(11, under(noisy(), robust_accuracy=75, threat={"knowledge": "black-box"}))
    assert answer["verdict"] == "warn"


@pytest.mark.parametrize(
    ("threat", "said"), [({}, "gives no gradients"), ({"norm": "l0", "epsilon": 2}, "gives no gradients")]
)
def test_random_without_gradients_is_skipped(threat, said):
    model = lenet().eval()

    def answer(images: Tensor) -> Tensor:
        return model(images + torch.randn_like(images) * 4 / 255)

    found = ask(11, case(answer, claim(threat=threat)))
    assert found["verdict"] == "skipped"
    assert said in found["finding"]


def test_a_norm_without_gradient_attacks_is_skipped():
    found = ask(11, case(Noisy(), claim(threat={"norm": "l0", "epsilon": 2})))
    assert found["verdict"] == "skipped"
    assert "L0" in found["finding"]
