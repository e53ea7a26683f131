"""torchattacks through the adapter, where it is installed: the images of a direct call."""

from __future__ import annotations

import pytest
import torch

from attack_kit import answers, grey_images, linear_classifier, run
from pixelproof.attacks.libraries import library_attack
from pixelproof.attacks.norm_ball import NormBall
from pixelproof.errors import InputError

torchattacks = pytest.importorskip("torchattacks")


@pytest.mark.parametrize("targeted", [False, True])
def test_the_images_are_those_of_a_direct_call(targeted):
    classifier, images = linear_classifier(), grey_images(5)
    labels = answers(classifier, images)
    targets = (labels + 1) % 4 if targeted else None
    found, asked = run(library_attack("torchattacks:BIM(eps=8/255,steps=5)"), classifier, images, targets)
    attack = torchattacks.BIM(classifier.module.eval(), eps=8 / 255, steps=5)
    if targeted:
        attack.set_mode_targeted_by_label(quiet=True)
    assert torch.allclose(found, attack(images, targets if targeted else labels), atol=1e-5)
    assert asked.gradient_steps.tolist() == [5] * 5


@pytest.mark.parametrize(
    ("spec", "budget"),
    [
        ("torchattacks:FGSM(eps=0.2)", NormBall("linf", 51)),
        ("torchattacks:PGDL2", NormBall("l2", 255)),
        ("torchattacks:APGD(norm='L2',eps=1)", NormBall("l2", 255)),
        ("torchattacks:PIFGSM", NormBall("linf", 16)),
        ("torchattacks:CW", None),
    ],
)
def test_budgets(spec, budget):
    assert library_attack(spec).ball == budget


@pytest.mark.parametrize("name", ["APGD", "FAB"])
def test_attacks_without_targets(name):
    with pytest.raises(InputError, match="knows no targets"):
        run(library_attack(f"torchattacks:{name}"), linear_classifier(), grey_images(2), torch.tensor([1, 2]))
