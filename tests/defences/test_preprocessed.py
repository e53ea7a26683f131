"""A classifier behind a defence is a classifier like any other."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pixelproof.defences import BitDepth, Chain, MedianFilter, PreprocessedClassifier, TotalVariation, defend
from pixelproof.models import (
    CallableClassifier,
    Classifier,
    TorchClassifier,
    load_model,
    resolve_kind,
    settle_kind,
    wrap_model,
)


@pytest.fixture(scope="module")
def lenet() -> Classifier:
    return load_model("zoo:lenet")


def _images(count: int = 4) -> torch.Tensor:
    levels = torch.randint(0, 256, (count, 3, 32, 32), generator=torch.Generator().manual_seed(0))
    return levels.float() / 255


def test_it_is_a_classifier(lenet):
    wrapped = PreprocessedClassifier(lenet, TotalVariation())
    assert isinstance(wrapped, Classifier)
    assert wrap_model(wrapped) is wrapped
    assert wrapped.name == "zoo:lenet + tvm"
    assert wrapped.kind == "logits"
    assert repr(wrapped) == "PreprocessedClassifier('zoo:lenet + tvm', kind='logits')"


def test_scores_are_those_of_the_preprocessed_images(lenet):
    images, squeeze = _images(), Chain((BitDepth(), MedianFilter()))
    assert torch.equal(PreprocessedClassifier(lenet, squeeze).scores(images), lenet.scores(squeeze(images)))
    assert not torch.equal(lenet.scores(squeeze(images)), lenet.scores(images))


@pytest.mark.parametrize(
    "defence", ["bits(5)", "median(2)", "squeeze", "tvm(iterations=5)", "squeeze+tvm(iterations=5)"]
)
def test_scores_do_not_depend_on_the_place_in_the_batch(lenet, defence):
    images, wrapped = _images(8), defend(lenet, defence)
    scores = wrapped.scores(images)
    assert torch.equal(wrapped.scores(images.roll(3, 0)).roll(-3, 0), scores)
    assert torch.equal(wrapped.scores(images), scores)


def test_no_defence_is_the_classifier_itself(lenet):
    assert defend(lenet, None) is lenet


def test_gradients_flow_where_they_flow_through_both(lenet):
    images = _images().requires_grad_()
    smooth, rounded = PreprocessedClassifier(lenet, MedianFilter()), PreprocessedClassifier(lenet, BitDepth())
    assert smooth.differentiable
    (gradient,) = torch.autograd.grad(smooth.scores(images).sum(), images)
    assert gradient.abs().sum() > 0
    assert not rounded.differentiable
    assert not rounded.scores(images).requires_grad
    black_box = CallableClassifier(lambda x: x.flatten(1)[:, :3])
    assert not PreprocessedClassifier(black_box, MedianFilter()).differentiable
    assert not PreprocessedClassifier(black_box, MedianFilter()).scores(images).requires_grad
    with torch.no_grad():
        assert not smooth.scores(images).requires_grad


def test_the_fingerprint_tells_models_defences_and_parameters_apart(lenet):
    other = TorchClassifier(nn.Sequential(nn.Flatten(), nn.Linear(3072, 10)))
    specs = [None, "tvm", "tvm(seed=1)", "tvm(0.4)", "bits(5)", "bits(4)", "bits(5)+median(2)", "median(2)+bits(5)"]
    prints = {defend(model, spec).fingerprint for model in (lenet, other) for spec in specs}
    assert len(prints) == 16
    assert defend(lenet, "squeeze").fingerprint == defend(lenet, "bits + median(2)").fingerprint
    assert defend(lenet, "tvm").fingerprint == defend(load_model("zoo:lenet"), "tvm( keep = .5 )").fingerprint


def test_a_kind_nobody_gave_is_settled_in_the_inner_classifier():
    inner = CallableClassifier(lambda x: torch.softmax(x.flatten(1)[:, :3], 1))
    wrapped = PreprocessedClassifier(inner, BitDepth())
    assert resolve_kind(wrapped, wrapped.scores(_images())) == "probabilities"
    assert (inner.kind, inner.kind_given) == ("probabilities", True)
    settle_kind(wrapped, "logits")  # too late
    assert wrapped.kind == "probabilities"


def test_a_classifier_of_ones_own_is_believed():
    class Own:
        name, kind, differentiable, fingerprint = "own", "labels", False, "print"

        def scores(self, images):
            return torch.eye(3)[torch.zeros(len(images), dtype=torch.int64)]

    wrapped = PreprocessedClassifier(Own(), BitDepth())
    settle_kind(wrapped, "logits")
    assert resolve_kind(wrapped, wrapped.scores(_images())) == "labels"


def test_what_the_preflight_asks_of_the_inner_one_is_passed_on():
    module = nn.Sequential(nn.Flatten(), nn.Linear(3072, 10)).double().train()
    wrapped = PreprocessedClassifier(TorchClassifier(module), BitDepth())
    assert wrapped.was_training
    assert wrapped.dtype == torch.float64
