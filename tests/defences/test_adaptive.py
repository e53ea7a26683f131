"""Gradients past defences: BPDA and EOT where their outcome is known in closed form, and attacks that need them."""

from __future__ import annotations

import pytest
import torch

from attack_kit import answers, grey_images, linear_classifier, run
from pixelproof.attacks.gradient.fgsm import FGSM
from pixelproof.defences import (
    Bpda,
    Chain,
    ExpectedClassifier,
    Jpeg,
    MedianFilter,
    PreprocessedClassifier,
    Thermometer,
    TotalVariation,
    defend,
    make_adaptive,
    parse_defence,
)
from pixelproof.errors import InputError
from pixelproof.models import CallableClassifier, Classifier


def _gradients(classifier: Classifier, images: torch.Tensor) -> torch.Tensor:
    """Of the first class's score."""
    images = images.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(classifier.scores(images)[:, 0].sum(), images)
    return gradient


def _weights(model, shape=(3, 8, 8)) -> torch.Tensor:
    return model.module[1].weight[0].detach().view(1, *shape)


# BPDA


@pytest.mark.parametrize("spec", ["jpeg(75)", "bits(3)", "tvm(iterations=5)"])
def test_forwards_it_is_the_defence_and_backwards_the_identity(spec):
    model, images, step = linear_classifier(), grey_images(4), parse_defence(spec)
    opened = PreprocessedClassifier(model, Bpda(step))
    assert opened.differentiable
    assert torch.equal(opened.scores(images.clone().requires_grad_()), defend(model, spec).scores(images))
    assert torch.allclose(_gradients(opened, images), _weights(model).expand(4, -1, -1, -1), atol=1e-7)


def test_what_has_gradients_around_it_keeps_them():
    model, images = linear_classifier(), grey_images(2)
    chain = Chain((MedianFilter(3), Bpda(Jpeg()), MedianFilter(2)))
    seen = MedianFilter(3)(images)
    pixels = Jpeg()(seen).requires_grad_()
    (inner,) = torch.autograd.grad(model.scores(MedianFilter(2)(pixels))[:, 0].sum(), pixels)
    clean = images.clone().requires_grad_()
    (expected,) = torch.autograd.grad((MedianFilter(3)(clean) * inner).sum(), clean)
    assert torch.allclose(_gradients(PreprocessedClassifier(model, chain), images), expected, atol=1e-7)


def test_a_stand_in_takes_the_place_of_the_identity():
    model, images = linear_classifier((48, 8, 8)), grey_images(2)
    opened = PreprocessedClassifier(model, Bpda(Thermometer(16)))
    assert torch.equal(opened.scores(images), model.scores(Thermometer(16)(images)))
    on = (images[:, :, None] > torch.arange(16)[:, None, None] / 16).float()
    expected = (_weights(model, (3, 16, 8, 8)) * on).sum(2)
    assert torch.allclose(_gradients(opened, images), expected, atol=1e-6)


def test_without_gradients_it_costs_none():
    found = Bpda(Jpeg())(grey_images(2).requires_grad_())
    assert found.requires_grad
    with torch.no_grad():
        assert not Bpda(Jpeg())(grey_images(2).requires_grad_()).requires_grad


# EOT


def test_scores_and_gradients_are_means_over_other_draws():
    model, images = linear_classifier(), grey_images(3)
    found = make_adaptive(model, "tvm(iterations=5)", draws=4)
    draws = [TotalVariation(iterations=5, seed=2**62 + k) for k in range(4)]
    each = torch.stack([model.scores(draw(images)) for draw in draws])
    assert torch.allclose(found.scores(images), each.mean(0), atol=1e-6)
    assert float(each.std(0).min()) > 1e-4, "the draws differ"
    assert torch.allclose(_gradients(found, images), _weights(model).expand(3, -1, -1, -1), atol=1e-6)
    assert found.calls == 4  # type: ignore[attr-defined]


def test_many_draws_come_near_to_the_undefended_scores_under_noise():
    """A linear model's mean score over zero-mean noise is its score; the mean of n has 1/√n of a draw's deviation."""
    model, images = linear_classifier(), grey_images(6)
    weights = model.module[1].weight
    deviation = (weights.norm(dim=1) * 8 / 255 / 200**0.5).detach()
    found = make_adaptive(model, "noise(8)", draws=200).scores(images)
    assert ((found - model.scores(images)).abs() < 5 * deviation).all()
    assert ((found - model.scores(images)).abs() > 0.01 * deviation).any()


def test_neighbours_do_not_matter_and_calls_repeat():
    model, images = linear_classifier(), grey_images(6)
    found = make_adaptive(model, "jpeg+noise+tvm(iterations=5)", draws=3)
    assert torch.allclose(found.scores(images[:3]), found.scores(images)[:3], atol=1e-6)
    assert torch.equal(found.scores(images), found.scores(images))


def test_steps_before_the_first_random_one_are_run_once():
    found = make_adaptive(linear_classifier(), "jpeg+smooth+tvm(iterations=2)+bits", draws=3)
    assert isinstance(found.classifier, ExpectedClassifier)  # type: ignore[attr-defined]
    assert [type(step) for step in found.preprocessor.steps] == [Bpda, type(parse_defence("smooth"))]  # type: ignore[attr-defined]
    assert found.classifier.draws[0].preprocessor.spec.startswith(  # type: ignore[attr-defined]
        f"bpda(tvm(keep=0.5,weight=0.03,iterations=2,seed={2**62}))+bpda"
    )


@pytest.mark.parametrize(("kind", "expected"), [("labels", "probabilities"), ("logits", "logits")])
def test_votes_are_probabilities(kind, expected):
    one = CallableClassifier(lambda x: torch.tensor([[1.0, 0.0]]).expand(len(x), 2), kind=kind)
    two = CallableClassifier(lambda x: torch.tensor([[0.0, 1.0]]).expand(len(x), 2), kind=kind)
    found = ExpectedClassifier([one, one, one, two])
    assert found.kind == expected
    assert found.scores(torch.zeros(1, 1, 1, 1)).tolist() == [[0.75, 0.25]]
    assert not found.differentiable


# Adaptive


def test_what_is_differentiable_stays_as_it_is():
    model = linear_classifier()
    found = make_adaptive(model, "smooth+median")
    assert isinstance(found, PreprocessedClassifier)
    assert found.fingerprint == defend(model, "smooth+median").fingerprint


def test_defences_of_the_output_are_left_out():
    model, images = linear_classifier(), grey_images(2)
    assert make_adaptive(model, "round(1)+output-noise") is model
    assert torch.equal(
        make_adaptive(model, "smooth+high-confidence").scores(images), defend(model, "smooth").scores(images)
    )


OPAQUE = ["bits(5)", "jpeg(90)", "bits(6)+round(2)", "noise(2)+bits(6)", "tvm(keep=0.9,weight=0.001)+jpeg(95)"]


@pytest.mark.slow
@pytest.mark.parametrize("spec", OPAQUE)
def test_an_attack_on_gradients_gets_through_where_it_could_not_start(spec):
    """FGSM moves a linear model's margin by ε‖w‖₁, here several times what clean images have; enough is left of it."""
    model, images = linear_classifier((1, 8, 8), classes=2), grey_images(12, (1, 8, 8))
    defended = defend(model, spec)
    with pytest.raises(InputError, match="gives no gradients"):
        run(FGSM(32), defended, images, eight_bit=True)
    opened = make_adaptive(model, spec, draws=5)
    agreed = answers(defended, images) == answers(opened, images)
    assert agreed.sum() >= 8
    found, _ = run(FGSM(32), opened, images[agreed], eight_bit=True)
    assert (answers(defended, found) != answers(defended, images[agreed])).all()


def test_a_classifier_without_gradients_has_none_then_either():
    black_box = CallableClassifier(lambda x: x.flatten(1)[:, :3], kind="logits")
    assert not make_adaptive(black_box, "jpeg+tvm").differentiable


def test_fingerprints_tell_apart():
    model = linear_classifier()
    cases = [("tvm", 5), ("tvm", 6), ("tvm(0.4)", 5), ("jpeg", 5), ("jpeg+tvm", 5)]
    prints = [make_adaptive(model, spec, draws=draws).fingerprint for spec, draws in cases]
    assert len({*prints, defend(model, "jpeg").fingerprint, defend(model, "tvm").fingerprint}) == 7


@pytest.mark.parametrize(
    ("spec", "draws", "text"), [("tvm", 0, "At least 1 draw .* not 0"), ("blur", 3, "There is no defence 'blur'")]
)
def test_mistakes(spec, draws, text):
    with pytest.raises(InputError, match=text):
        make_adaptive(linear_classifier(), spec, draws=draws)
    with pytest.raises(InputError, match="no draws"):
        ExpectedClassifier([])
