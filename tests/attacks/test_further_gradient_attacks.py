"""What the further attacks on gradients share: budgets, neighbours, samples that are done, bad parameters, targets."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from attack_kit import answers, grey_images, linear_classifier, oracle, run, streams
from pixelproof.attacks.attack import Attack
from pixelproof.attacks.goal import Goal
from pixelproof.attacks.gradient.elastic_net import ElasticNet
from pixelproof.attacks.gradient.jsma import JSMA
from pixelproof.attacks.gradient.rotation_translation import RotationTranslation
from pixelproof.attacks.gradient.shadow import Shadow
from pixelproof.attacks.gradient.sigma_zero import SigmaZero
from pixelproof.attacks.gradient.sparse_pgd import SparsePGD
from pixelproof.attacks.gradient.spatial import Spatial
from pixelproof.attacks.gradient.universal import Universal
from pixelproof.attacks.gradient.virtual_adversarial import VirtualAdversarial
from pixelproof.errors import InputError

EACH_BY_ITSELF: list[Attack] = [
    VirtualAdversarial(60),
    JSMA(),
    ElasticNet(searches=5, iterations=20),
    SigmaZero(iterations=50),
    SparsePGD(3, iterations=50),
    SparsePGD(3, iterations=50, projected=True),
    Shadow(iterations=20),
    Spatial(iterations=20),
    RotationTranslation(rotations=5, translations=3),
    RotationTranslation(draws=5),
]


@pytest.mark.slow
@pytest.mark.parametrize("attack", EACH_BY_ITSELF, ids=lambda a: a.spec)
def test_neighbours_in_the_batch_change_nothing(attack: Attack) -> None:
    model, images = linear_classifier(), grey_images(6)
    alone, _ = run(attack, model, images[:3], eight_bit=True)
    among, _ = run(attack, model, images, eight_bit=True)
    assert not torch.equal(alone, images[:3])
    assert torch.allclose(alone, among[:3], atol=1e-6)


@pytest.mark.parametrize(
    "attack", [JSMA(), SigmaZero(iterations=20), Shadow(), Spatial(), RotationTranslation()], ids=lambda a: a.name
)
def test_a_sample_that_is_done_is_asked_about_no_more(attack: Attack) -> None:
    model, images = linear_classifier(), grey_images(4)
    labels = answers(model, images)
    labels[1] = (labels[1] + 1) % 4  # already another class than this label
    asked = oracle(model, 4)
    attack(asked, images, Goal(labels), streams(4))
    assert asked.queries[1] == 1
    assert asked.queries[[0, 2, 3]].min() > 1


@pytest.mark.parametrize(
    "attack",
    [
        VirtualAdversarial(60),
        VirtualAdversarial(3, "linf"),
        VirtualAdversarial(90, "l1"),
        Universal(3),
        Universal(40, "l2"),
    ],
    ids=lambda a: a.spec,
)
def test_images_stay_inside_the_budget(attack: Attack) -> None:
    model, images = linear_classifier(), grey_images(6)
    found, _ = run(attack, model, images, eight_bit=True)
    assert attack.ball is not None
    assert torch.allclose(attack.ball.project(found, images), found, atol=1e-6)
    assert bool(attack.ball.allows(attack.ball.to_8_bit(found, images), images).all())
    assert not torch.equal(found, images)


@pytest.mark.parametrize(
    ("attack", "parameters"),
    [
        (VirtualAdversarial, {"epsilon": 0}),
        (VirtualAdversarial, {"xi": 0}),
        (VirtualAdversarial, {"iterations": 0}),
        (JSMA, {"theta": 0}),
        (JSMA, {"gamma": 0}),
        (JSMA, {"gamma": 1.1}),
        (JSMA, {"at_once": 3}),
        (ElasticNet, {"beta": 0}),
        (ElasticNet, {"rule": "l2"}),
        (ElasticNet, {"confidence": -1}),
        (SigmaZero, {"iterations": 0}),
        (SigmaZero, {"sigma": 0}),
        (SigmaZero, {"step": -1}),
        (SigmaZero, {"threshold": 1.1}),
        (SigmaZero, {"adaptation": 0}),
        (SparsePGD, {"pixels": 0}),
        (SparsePGD, {"step": 0}),
        (SparsePGD, {"mask_step": 0}),
        (SparsePGD, {"iterations": 0}),
        (SparsePGD, {"patience": 0}),
        (Universal, {"epsilon": -1}),
        (Universal, {"norm": "l1"}),
        (Universal, {"rate": 1.1}),
        (Shadow, {"tv": -1}),
        (Shadow, {"longest": 0}),
        (Spatial, {"step": 0}),
        (RotationTranslation, {"rotation": 181}),
        (RotationTranslation, {"translation": -0.1}),
        (RotationTranslation, {"rotations": 0}),
        (RotationTranslation, {"draws": -1}),
    ],
)
def test_bad_parameters_are_refused(attack: type[Attack], parameters: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(parameters))):
        attack(**parameters)


@pytest.mark.parametrize(
    "attack",
    [JSMA(), ElasticNet(searches=6, iterations=30), SigmaZero(iterations=100), SparsePGD(), Universal(40), Shadow()],
    ids=lambda a: a.name,
)
def test_targets_are_reached(attack: Attack) -> None:
    model, images = linear_classifier(), grey_images(4)
    target = (answers(model, images)[0] + 1) % 4
    keep = answers(model, images) != target
    images = images[keep]
    found, _ = run(attack, model, images, target.expand(len(images)), eight_bit=True)
    assert (answers(model, found) == target).float().mean() >= 0.8


def test_a_virtual_adversarial_direction_has_no_target() -> None:
    with pytest.raises(InputError, match="no target"):
        run(VirtualAdversarial(), linear_classifier(), grey_images(2), torch.tensor([1, 2]))
