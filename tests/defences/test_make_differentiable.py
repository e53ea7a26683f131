"""Classifiers made differentiable: what was done for it, step by step, and the gradients that come of it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from attack_kit import grey_images, linear_classifier
from pixelproof.defences import Bpda, Chain, ExpectedClassifier, Jpeg, PreprocessedClassifier, defend, make_adaptive
from pixelproof.defences.differentiable import make_differentiable
from pixelproof.models import TorchClassifier


class Posterise:
    """Somebody's own preprocessor, which no spec names."""

    name = spec = "posterise"
    differentiable = False

    def __call__(self, images: Tensor) -> Tensor:
        return (images * 7).round() / 7


class Round(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return images.mul(31).round() / 31


def _gradient(classifier, images: Tensor) -> Tensor:
    images = images.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(classifier.scores(images)[:, 0].sum(), images)
    return gradient


def test_an_undefended_model_needs_nothing():
    model = linear_classifier()
    assert make_differentiable(model, grey_images(2), random=False, draws=5) == (model, (), (), ())


def test_a_differentiable_defence_needs_nothing_either():
    images = grey_images(2)
    found = make_differentiable(defend(linear_classifier(), "smooth+median"), images, random=False, draws=5)
    assert found[1:] == ((), (), ())
    assert torch.allclose(
        _gradient(found.classifier, images), _gradient(defend(linear_classifier(), "smooth+median"), images)
    )


def test_a_spelled_defence_is_taken_as_adaptive_takes_it():
    model, images = linear_classifier(), grey_images(2)
    found = make_differentiable(defend(model, "jpeg+tvm(iterations=2)+round(1)"), images, random=False, draws=3)
    assert found.classifier.fingerprint == make_adaptive(model, "jpeg+tvm(iterations=2)+round(1)", 3).fingerprint
    jpeg, tvm = "jpeg(75)", "tvm(keep=0.5,weight=0.03,iterations=2,seed=0)"
    assert found.passed == (jpeg, tvm)
    assert found.steps[:3] == (f"BPDA past {jpeg}", f"BPDA past {tvm}", f"EOT over 3 draws of {tvm}")
    assert found.steps[3].startswith("scores as they are before ")


def test_a_preprocessor_without_a_spelling_to_be_read_is_opened_itself():
    model, images = linear_classifier(), grey_images(3)
    whole = PreprocessedClassifier(model, Chain((Posterise(), Jpeg())))
    found = make_differentiable(whole, images, random=False, draws=3)
    assert found.passed == ("posterise", "jpeg(75)")
    assert torch.equal(found.classifier.scores(images), whole.scores(images))
    weights = model.module[1].weight[0].detach().view(1, 3, 8, 8).expand(3, -1, -1, -1)
    assert torch.allclose(_gradient(found.classifier, images), weights, atol=1e-6)


def test_layers_behind_defences_are_passed_too():
    inner = TorchClassifier(nn.Sequential(Round(), linear_classifier().module), kind="logits")
    images = grey_images(3)
    whole = PreprocessedClassifier(PreprocessedClassifier(inner, Jpeg()), Posterise())
    found = make_differentiable(whole, images, random=False, draws=3)
    assert found.passed == ("posterise", "jpeg(75)", "layer 0 (Round)")
    assert isinstance(found.classifier.preprocessor, Bpda)  # type: ignore[attr-defined]
    assert torch.equal(found.classifier.scores(images), whole.scores(images))
    assert _gradient(found.classifier, images).all()


def test_random_models_are_averaged():
    class Noisy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = linear_classifier().module

        def forward(self, images: Tensor) -> Tensor:
            return self.inner(images) + torch.randn(len(images), 1)

    found = make_differentiable(TorchClassifier(Noisy(), kind="logits"), grey_images(2), random=True, draws=7)
    assert isinstance(found.classifier, ExpectedClassifier)
    assert found.classifier.calls == 7
    assert found.steps == ("EOT over 7 draws",)
    assert found.passed == ()
