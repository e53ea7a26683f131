"""Logits, probabilities or labels, and one scale for them."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelproof.models import detect_kind, log_scores, probabilities, resolve_kind, settle_kind, wrap_model

LOGITS = torch.tensor([[2.0, -1.0, 0.5], [0.1, 0.2, 0.3]])
ONE_HOT = torch.eye(3)


@pytest.mark.parametrize(
    ("scores", "kind"),
    [
        (LOGITS, "logits"),
        (LOGITS.softmax(1), "probabilities"),
        (LOGITS.softmax(1).half(), "probabilities"),
        ((torch.arange(40.0).view(4, 10) % 7).softmax(1).bfloat16().float(), "probabilities"),  # rows off by 2e-3
        (LOGITS.log_softmax(1), "logits"),
        (LOGITS.sigmoid(), "logits"),
        (ONE_HOT, "labels"),
        (torch.cat([ONE_HOT, LOGITS.softmax(1)]), "probabilities"),
        (torch.zeros(2, 3), "logits"),
        (torch.tensor([[torch.nan, 1.0]]), "logits"),
    ],
)
def test_detection(scores, kind):
    assert detect_kind(scores) == kind


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-40, 40), min_size=2, max_size=6))
def test_differences_of_log_probabilities_are_logit_margins(row):
    logits = torch.tensor([row], dtype=torch.float64)
    logs = log_scores(logits.softmax(1), "probabilities")
    assert torch.allclose(logs - logs[:, :1], logits - logits[:, :1], atol=1e-9)


def test_zero_probability_has_a_floor():
    logs = log_scores(torch.tensor([[1.0, 0.0], [0.0, 1.0]]), "probabilities")
    assert logs.dtype == torch.float64
    assert logs.isfinite().all()
    assert logs.min() == pytest.approx(-103.28, abs=0.01)


def test_logits_and_labels_are_unchanged():
    assert log_scores(LOGITS, "logits") is LOGITS
    assert log_scores(ONE_HOT, "labels") is ONE_HOT


def test_probabilities_of_each_kind():
    assert torch.allclose(probabilities(LOGITS, "logits"), LOGITS.double().softmax(1))
    assert torch.equal(probabilities(ONE_HOT, "labels"), ONE_HOT.double())


def test_a_kind_is_settled_once():
    model = wrap_model(lambda images: images)
    assert (model.kind, model.kind_given) == ("logits", False)  # type: ignore[attr-defined]
    assert resolve_kind(model, LOGITS.softmax(1)) == "probabilities"
    assert resolve_kind(model, LOGITS) == "probabilities"
    settle_kind(model, "labels")
    assert model.kind == "probabilities"


def test_a_given_kind_is_believed():
    model = wrap_model(lambda images: images, kind="logits")
    assert resolve_kind(model, LOGITS.softmax(1)) == "logits"
    later = wrap_model(lambda images: images)
    settle_kind(later, "labels")
    assert resolve_kind(later, LOGITS) == "labels"
