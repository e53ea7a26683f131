"""What is minimised, against values worked out by hand."""

import math

import pytest
import torch

from pixelproof.attacks import fitness, fooled

SCORES = torch.tensor([[2.0, 5.0, 1.0], [4.0, 3.0, 3.5]])


def test_untargeted_margin_is_the_lead_of_the_true_class() -> None:
    assert fitness("margin", SCORES, torch.tensor([1, 1]), None).tolist() == [3.0, -1.0]


def test_targeted_margin_is_the_lead_over_the_target() -> None:
    assert fitness("margin", SCORES, torch.tensor([1, 1]), torch.tensor([0, 0])).tolist() == [3.0, -0.5]


def test_confidence_is_the_soft_label() -> None:
    expected = math.exp(5) / (math.exp(2) + math.exp(5) + math.exp(1))
    assert fitness("confidence", SCORES[:1], torch.tensor([1]), None).item() == pytest.approx(expected, rel=1e-6)
    target = fitness("confidence", SCORES[:1], torch.tensor([1]), torch.tensor([0])).item()
    assert target == pytest.approx(1 - math.exp(2) / (math.exp(2) + math.exp(5) + math.exp(1)), rel=1e-6)


def test_nan_is_the_worst_value() -> None:
    assert fitness("margin", torch.tensor([[math.nan, 1.0]]), torch.tensor([0]), None).tolist() == [math.inf]


def test_margin_does_not_go_flat_where_the_softmax_saturates() -> None:
    scores = torch.tensor([[200.0, 0.0], [300.0, 0.0]])
    labels = torch.tensor([0, 0])
    assert fitness("confidence", scores, labels, None).tolist() == [1.0, 1.0]
    assert fitness("margin", scores, labels, None).tolist() == [200.0, 300.0]


def test_fooled_means_another_class_or_the_target_and_nothing_else() -> None:
    predicted, labels = torch.tensor([0, 1, 2]), torch.tensor([0, 0, 0])
    assert fooled(predicted, labels, None).tolist() == [False, True, True]
    assert fooled(predicted, labels, torch.tensor([2, 2, 2])).tolist() == [False, False, True]
