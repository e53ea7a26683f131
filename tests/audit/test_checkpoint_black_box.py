"""Checkpoint 8: attacks without gradients do not beat those with them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from audit_kit import TINY, Flat, Noisy, ask, claim
from audit_kit import case as anew
from pixelproof.jobs.audit.attacks import attempt
from pixelproof.jobs.audit.context import AuditContext
from pixelproof.jobs.audit.spec import Effort
from pixelproof.results.audit.attacked import Attacked
from pixelproof.results.audit.claim import Claim

pytestmark = pytest.mark.slow

NAIVE = {"adaptive": False}
LIGHT = replace(TINY, samples=24, iterations=8, queries=60, label_queries=60)


def case(model: object = None, told: Claim | None = None, effort: Effort = LIGHT) -> AuditContext:
    return anew(model, told, effort)


def test_an_honest_network_passes():
    answer = ask(8, case())
    assert answer["verdict"] == "pass"
    assert "0 are fooled only by attacks without gradients" in answer["finding"]
    assert {bar["group"] for bar in answer["plots"][0]["rows"]} == {"with gradients", "without"}


@pytest.mark.parametrize(("knowledge", "verdict"), [("white-box", "fail"), ("black-box", "warn")])
def test_masked_gradients_fail_or_stand_beside_a_black_box_claim(knowledge, verdict):
    told = claim(robust_accuracy=70, threat={"epsilon": 8, "knowledge": knowledge}, evaluation=NAIVE)
    answer = ask(8, case(Flat().eval(), told))
    assert answer["verdict"] == verdict
    assert "Attacks without gradients do better" in answer["finding"]
    assert ("beside the claim" in answer["finding"]) == (verdict == "warn")


def test_an_adaptive_claim_is_held_against_what_an_adaptive_attack_does():
    """The gradient of the whole is 0, and the claim says that it went past it: so does the side with gradients."""
    answer = ask(8, case(Flat().eval(), claim(robust_accuracy=0, threat={"epsilon": 8})))
    assert answer["verdict"] == "pass"
    assert "0 are fooled only by attacks without gradients" in answer["finding"]


def test_where_the_claim_holds_against_all_masked_gradients_are_a_reservation():
    told = claim(robust_accuracy=0, threat={"epsilon": 8}, evaluation=NAIVE)
    answer = ask(8, case(Flat().eval(), told))
    assert answer["verdict"] == "warn"
    assert "not against the claim" in answer["finding"]


def test_a_random_model_passes():
    audit = case(Noisy().eval(), effort=replace(LIGHT, samples=16, iterations=4, draws=2))
    assert audit.random
    assert ask(8, audit)["verdict"] == "pass"


def test_other_attempts_without_gradients_count():
    audit = case(Flat().eval(), claim(robust_accuracy=70, threat={"epsilon": 1}, evaluation=NAIVE))
    every = tuple(range(24))
    transfer = Attacked("transfer", "plain", "labels", every, (True,) * 24, (True,) * 24, 1.0, 0.0, 0.0)
    attempt(audit, "transfer", lambda: transfer, every)
    answer = ask(8, audit)
    assert answer["verdict"] == "fail"
    assert ("Right after transfer", "0/24 = 0.0 % [0.0, 13.8]") in answer["numbers"]


def test_in_l1_only_the_samples_attacked_by_both_are_compared():
    told = claim(threat={"norm": "l1", "epsilon": 300}, evaluation={"norm": "l1"})
    assert "of 8 samples" in ask(8, case(told=told))["finding"]
