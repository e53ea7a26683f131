"""Foolbox through the adapter: the images of a direct call, on a model whose distances are known."""

from __future__ import annotations

import warnings

import pytest
import torch

from attack_kit import answers, grey_images, linear_classifier, oracle, run, streams
from pixelproof.attacks.goal import Goal
from pixelproof.attacks.gradient.fgsm import FGSM
from pixelproof.attacks.libraries import library_attack
from pixelproof.attacks.norm_ball import NormBall
from pixelproof.errors import InputError

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    foolbox = pytest.importorskip("foolbox")


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_one_step_is_ours(norm):
    name, epsilon = {"linf": ("FGSM", 8), "l2": ("FGM", 200)}[norm]
    attack, classifier, images = (
        library_attack(f"foolbox:{name}(epsilon={epsilon})"),
        linear_classifier(),
        grey_images(5),
    )
    assert attack.ball == NormBall(norm, epsilon)
    found, asked = run(attack, classifier, images)
    expected, _ = run(FGSM(epsilon, norm), classifier, images)
    assert torch.allclose(found, expected, atol=1e-5)
    assert asked.gradient_steps.tolist() == [1] * 5
    assert asked.queries.tolist() == [2] * 5  # its step, and its own look at the outcome


@pytest.mark.parametrize("targeted", [False, True])
def test_the_images_are_those_of_a_direct_call(targeted):
    classifier, images = linear_classifier(), grey_images(5)
    labels = answers(classifier, images)
    targets = (labels + 1) % 4 if targeted else None
    found, _ = run(library_attack("foolbox:L2PGD(epsilon=100,steps=7,random_start=False)"), classifier, images, targets)
    shown = foolbox.PyTorchModel(classifier.module.eval(), bounds=(0, 1), device="cpu")
    aim = foolbox.criteria.TargetedMisclassification(targets) if targeted else labels
    attack = foolbox.attacks.L2PGD(steps=7, random_start=False)
    _, expected, _ = attack(shown, images, aim, epsilons=100 / 255)
    assert torch.allclose(found, expected, atol=1e-5)


def test_a_nearest_image_is_at_the_distance_of_the_boundary():
    classifier, images = linear_classifier(classes=2), grey_images(5)
    found, asked = run(library_attack("foolbox:L2DeepFoolAttack"), classifier, images)
    weight = classifier.module[1].weight.detach()
    margin = classifier.scores(images).diff(dim=1).abs().squeeze(1)
    nearest = margin / (weight[0] - weight[1]).norm()
    assert (answers(classifier, found) != answers(classifier, images)).all()
    length = (found - images).flatten(1).norm(dim=1)
    assert (length <= 1.05 * nearest).all()
    assert (length >= nearest).all()
    assert asked.gradient_steps.min() > 0


def test_labels_are_enough_where_the_attack_needs_no_more():
    attack = library_attack("foolbox:BoundaryAttack(steps=30)")
    assert attack.needs == "labels"
    classifier, images = linear_classifier(), grey_images(4)
    found, asked = run(attack, classifier, images, eight_bit=True)
    again, _ = run(attack, classifier, images, eight_bit=True)
    assert torch.equal(found, again)
    assert asked.gradient_steps.tolist() == [0] * 4
    assert (answers(classifier, found) != answers(classifier, images)).any()


@pytest.mark.slow
def test_where_no_start_is_found_the_image_stays_and_nothing_is_told():
    classifier, images = linear_classifier(), grey_images(1)
    with torch.no_grad():
        classifier.module[1].bias[0] += 1000  # nothing but class 0 anywhere
    found, asked = run(library_attack("foolbox:HopSkipJumpAttack(steps=1)"), classifier, images)
    assert torch.equal(found, images)
    assert (asked.queries > 0).all()


def test_nan_of_newtonfool_counts_as_not_fooled():
    classifier, images = linear_classifier(), grey_images(3)
    with torch.no_grad():
        classifier.module[1].weight.zero_()  # where there is no gradient, it divides by zero
    with pytest.warns(RuntimeWarning, match="returned NaN for 3 of 3 images"):
        found, _ = run(library_attack("foolbox:NewtonFoolAttack"), classifier, images)
    assert torch.equal(found, images)


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("foolbox:LinfPGD", "foolbox:LinfPGD needs epsilon=…"),
        ("foolbox:LinfPGD(epsilon=0)", "epsilon above 0"),
        ("foolbox:LinfPGD(epsilon='8')", "a number of grey levels, not '8'"),
        ("foolbox:LinfPGD(epsilon=8,step=3)", "no parameter 'step'; it has epsilon, rel_stepsize"),
        ("foolbox:DDNAttack(epsilon=8)", "no parameter 'epsilon'"),
        ("foolbox:PDG(epsilon=8)", "PGD"),
        ("foolbox:L2BaseGradientDescent", "no attack"),
    ],
)
def test_what_foolbox_does_not_have(spec, told):
    with pytest.raises(InputError) as error:
        library_attack(spec)
    assert told in str(error.value)


@pytest.mark.parametrize(
    ("spec", "targets", "told"),
    [
        ("foolbox:FGSM(epsilon=8)", [1, 2, 3], "cannot be targeted"),
        ("foolbox:GenAttack(epsilon=8)", None, "cannot be untargeted"),
    ],
)
def test_goals_that_an_attack_cannot_have(spec, targets, told):
    classifier, images = linear_classifier(), grey_images(3)
    goal = Goal(answers(classifier, images), None if targets is None else torch.tensor(targets))
    with pytest.raises(InputError, match=told):
        library_attack(spec)(oracle(classifier, 3), images, goal, streams(3))
