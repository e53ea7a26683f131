"""Checkpoint 4: iterative attacks beat single-step ones."""

from __future__ import annotations

import pytest

from audit_kit import ask, case, claim, lenet


@pytest.mark.slow
def test_an_honest_network_passes():
    answer = ask(4, case())
    assert answer["verdict"] == "pass"
    assert "0 samples are fooled by one step alone" in answer["finding"]


@pytest.mark.slow
def test_without_gradients_it_is_skipped_with_the_reason():
    model = lenet().eval()
    audit = case(lambda images: model(images).detach().numpy(), claim())
    answer = ask(4, audit)
    assert answer["verdict"] == "skipped"
    assert "gives no gradients" in answer["finding"]
