"""Checkpoint 3: the robust accuracy claimed is what the strongest attack leaves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from audit_kit import TINY, ask, case, claim, lenet, opaque
from pixelproof.jobs.audit.context import AuditContext
from pixelproof.models.wrap import wrap_model
from pixelproof.zoo import registry

pytestmark = pytest.mark.slow


def light(model: object = None, told: Any = None) -> AuditContext:
    return case(model, told, replace(TINY, samples=24, iterations=8, queries=60, label_queries=60))


def test_an_honest_claim_passes_with_every_attack_named():
    answer = ask(3, light())
    assert answer["verdict"] == "pass"
    assert "25 % is claimed; under apgd" in answer["finding"]
    assert sum("apgd" in name for name, _ in answer["numbers"]) == 2
    (plot,) = answer["plots"]
    assert [bar["name"] for bar in plot["rows"]][::3] == ["No attack", "All that count"]


def test_a_claim_above_what_is_left_fails_with_both_figures():
    answer = ask(3, light(told=claim(robust_accuracy=70)))
    assert answer["verdict"] == "fail"
    assert "70 % is claimed" in answer["finding"]
    assert "/24" in answer["finding"]
    assert answer["remedy"]


def test_a_claim_far_below_is_a_warning():
    answer = ask(3, light(told=claim(robust_accuracy=1)))
    assert answer["verdict"] == "warn"
    assert "lower than what was measured" in answer["finding"]


def test_gradients_count_for_nothing_against_a_black_box_claim():
    told = claim(robust_accuracy=60, threat={"knowledge": "black-box"}, evaluation={"attack": "square"})
    answer = ask(3, light(told=told))
    assert answer["verdict"] == "pass"  # white-box attacks leave a quarter
    assert "Gradients, which the threat model's attacker does not have, leave" in answer["finding"]


@pytest.mark.parametrize("kind", ["logits", "labels"])
def test_without_gradients_scores_or_labels_are_attacked(kind, monkeypatch: pytest.MonkeyPatch):
    model = lenet().eval()
    monkeypatch.setattr(registry, "ZOO", {})  # nobody has a network that answers as it does

    def answers(images: torch.Tensor) -> torch.Tensor:
        scores = model(images).detach()
        return scores if kind == "logits" else torch.nn.functional.one_hot(scores.argmax(1), 10).float()

    audit = light(wrap_model(opaque(answers), kind=kind), claim(robust_accuracy=76, threat={"epsilon": 16}))
    answer = ask(3, audit)
    names = [name for name, _ in answer["numbers"]]
    assert any("hop-skip-jump" in name for name in names)
    assert any("square" in name for name in names) == (kind == "logits")
    assert answer["verdict"] == ("fail" if kind == "logits" else answer["verdict"])


def test_few_pixels_are_left_to_the_levels():
    answer = ask(3, light(told=claim(threat={"norm": "l0", "epsilon": 3})))
    assert answer["verdict"] == "skipped"
    assert "L0" in answer["finding"]
