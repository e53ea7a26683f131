"""The Adversarial Robustness Toolbox through the adapter."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from torch import nn

from attack_kit import answers, grey_images, linear_classifier, run
from pixelproof.attacks.gradient.fgsm import FGSM
from pixelproof.attacks.libraries import library_attack
from pixelproof.attacks.norm_ball import NormBall
from pixelproof.errors import InputError

pytest.importorskip("art")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pytest.importorskip("art.estimators.classification", exc_type=ImportError)


@pytest.mark.slow
@pytest.mark.parametrize(("norm", "typed", "epsilon"), [("linf", "inf", 8), ("linf", "'inf'", 8), ("l2", "2", 100)])
def test_one_step_is_ours(norm, typed, epsilon):
    attack = library_attack(f"art:FastGradientMethod(eps={epsilon}/255,norm={typed})")
    assert attack.ball == NormBall(norm, epsilon / 255 * 255)
    classifier, images = linear_classifier(), grey_images(5)
    found, asked = run(attack, classifier, images)
    expected, _ = run(FGSM(epsilon, norm), classifier, images)
    assert torch.allclose(found, expected, atol=1e-5)
    assert asked.gradient_steps.tolist() == [1] * 5


@pytest.mark.parametrize("targeted", [False, True])
def test_the_images_are_those_of_a_direct_call(targeted):
    from art.attacks.evasion import ProjectedGradientDescent
    from art.estimators.classification import PyTorchClassifier

    classifier, images = linear_classifier(), grey_images(5)
    labels = answers(classifier, images)
    targets = (labels + 1) % 4 if targeted else None
    spec = "art:ProjectedGradientDescent(eps=0.1,eps_step=0.02,max_iter=7)"
    found, _ = run(library_attack(spec), classifier, images, targets)
    estimator = PyTorchClassifier(
        classifier.module, nn.CrossEntropyLoss(), images.shape[1:], 4, clip_values=(0, 1), device_type="cpu"
    )
    attack = ProjectedGradientDescent(estimator, eps=0.1, eps_step=0.02, max_iter=7, targeted=targeted, verbose=False)
    expected = attack.generate(images.numpy(), np.eye(4)[(targets if targeted else labels).numpy()])
    assert np.allclose(found.numpy(), expected, atol=1e-5)


@pytest.mark.parametrize(
    "spec", ["art:HopSkipJump(max_iter=1,max_eval=50,init_eval=10)", "art:BoundaryAttack(max_iter=3)"]
)
def test_attacks_on_labels_run_on_numpy_2_alone_and_again(spec):
    attack, classifier, images = library_attack(spec), linear_classifier(), grey_images(4)
    assert attack.needs == "labels"
    found, asked = run(attack, classifier, images, eight_bit=True)
    apart, alone = run(attack, classifier, images[:2], eight_bit=True)
    assert (answers(classifier, found) != answers(classifier, images)).all()
    assert torch.equal(found[:2], apart)
    assert asked.queries[:2].tolist() == alone.queries.tolist()
    assert asked.gradient_steps.tolist() == [0] * 4


def test_targets_of_a_saliency_map_are_its_labels():
    classifier, images = linear_classifier(), grey_images(4)
    labels = answers(classifier, images)
    away, _ = run(library_attack("art:SaliencyMapMethod"), classifier, images)
    assert (answers(classifier, away) != labels).all()
    targets = (labels + 2) % 4
    towards, _ = run(library_attack("art:SaliencyMapMethod"), classifier, images, targets)
    assert torch.equal(answers(classifier, towards), targets)


def test_probabilities_are_there_for_the_attacks_that_want_them():
    classifier, images = linear_classifier(), grey_images(2)
    found, asked = run(library_attack("art:SimBA(max_iter=100,epsilon=0.2)"), classifier, images)
    assert (answers(classifier, found) != answers(classifier, images)).all()
    assert asked.gradient_steps.tolist() == [0, 0]


def test_a_universal_perturbation_is_made_of_all_images_at_once():
    assert library_attack("art:UniversalPerturbation").together
    assert not library_attack("art:DeepFool").together


@pytest.mark.parametrize(
    ("spec", "targets", "told"),
    [
        ("art:DeepFool", [1, 2], "art:DeepFool knows no targets"),
        ("art:TargetedUniversalPerturbation", None, "needs targets"),
        ("art:DeepFool(max_iter=0)", None, r"art refuses art:DeepFool\(max_iter=0\): ValueError: The number of iter"),
    ],
)
def test_what_an_attack_cannot_do_is_told(spec, targets, told):
    with pytest.raises(InputError, match=told):
        run(
            library_attack(spec),
            linear_classifier(),
            grey_images(2),
            None if targets is None else torch.tensor(targets),
        )


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("art:FastGradient(eps=0.1)", "it has FastGradientMethod"),
        ("art:FastGradientMethod(epsilon=8)", "no parameter 'epsilon'; it has norm, eps, "),
        ("art:FastGradientMethod(targeted=True)", "no parameter 'targeted'"),
    ],
)
def test_what_the_toolbox_does_not_have(spec, told):
    with pytest.raises(InputError) as error:
        library_attack(spec)
    assert told in str(error.value)
