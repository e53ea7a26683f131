"""Checkpoint 7: other restarts and steps change nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from torch import Tensor, nn

from audit_kit import TINY, ask, case, claim, lenet

pytestmark = pytest.mark.slow

MANY = replace(TINY, samples=50)


class Misled(nn.Module):
    """Gradients point the wrong way, so that whatever fools is luck."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = lenet()

    def forward(self, images: Tensor) -> Tensor:
        return self.inner(2 * images.detach() - images)


def test_an_honest_network_passes_with_all_settings_listed():
    answer = ask(7, case())
    assert answer["verdict"] == "pass"
    names = [name for name, _ in answer["numbers"]]
    assert [f"step={step:g}" in " ".join(names) for step in (0.05, 0.1, 0.5, 1)] == [True] * 4
    assert any("restarts=2" in name for name in names)
    assert names[-2] == "All settings together"


def test_settings_that_differ_are_a_warning():
    answer = ask(7, case(Misled().eval(), claim(threat={"epsilon": 16}), replace(TINY, samples=30, restarts=5)))
    assert answer["verdict"] == "warn"


def test_a_claim_by_a_step_that_gets_nowhere_fails():
    told = claim(robust_accuracy=70, evaluation={"attack": "PGD", "iterations": 10, "step": 0.002})
    answer = ask(7, case(told=told, effort=MANY))
    assert answer["verdict"] == "fail"
    assert "70 % is claimed" in answer["finding"]
    assert any("the claim's setting" in name for name, _ in answer["numbers"])


def test_the_same_step_with_an_honest_figure_does_not():
    told = claim(evaluation={"attack": "PGD", "iterations": 10, "step": 0.002})
    assert ask(7, case(told=told, effort=MANY))["verdict"] in ("pass", "warn")


def test_nothing_is_tried_where_nothing_stands():
    answer = ask(7, case(told=claim(robust_accuracy=0, threat={"epsilon": 32})))
    assert answer["verdict"] == "pass"
    assert len(answer["numbers"]) == 3  # the first setting, all together, and what so many samples tell
