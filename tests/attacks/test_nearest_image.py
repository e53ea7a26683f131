"""What holds of all attacks that seek the nearest image, against distances known beforehand."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from attack_kit import answers, grey_images, linear_classifier, oracle, run, streams
from nearest_kit import NORMS, learnt_network, lengths, nearest_boundary, nearest_target, nearest_whole_levels
from pixelproof.attacks.attack import Attack
from pixelproof.attacks.goal import Goal
from pixelproof.attacks.gradient.cw_l2 import CWL2
from pixelproof.attacks.gradient.cw_linf import CWLinf
from pixelproof.attacks.gradient.deepfool import DeepFool
from pixelproof.attacks.gradient.newtonfool import NewtonFool
from pixelproof.errors import InputError
from pixelproof.models import TorchClassifier
from pixelproof.units import to_8_bit

pytestmark = pytest.mark.slow

DEEPFOOL = {norm: DeepFool(norm) for norm in NORMS}
CW: list[tuple[Attack, str]] = [(CWL2(iterations=100), "l2"), (CWLinf(iterations=50), "linf")]
ALL = [(DEEPFOOL["l2"], "l2"), (DEEPFOOL["linf"], "linf"), (NewtonFool(), "l2"), *CW]
QUICK = [*ALL[:3], (CWL2(binary_search_steps=6, iterations=20, learning_rate=0.1, initial_constant=0.1), "l2"), CW[1]]
# With more classes newtonfool descends a loss that mixes them, and cw-linf follows the likeliest, not the nearest.
LINEAR = [
    (*pair, classes) for pair in ALL for classes in (2, 4) if classes == 2 or pair[0].name in ("deepfool", "cw-l2")
]
TARGETED = [pair for pair in QUICK if pair[0].name != "newtonfool"]
BY_NAME = {"ids": lambda value: value.name if isinstance(value, Attack) else str(value)}
OVER_ALL = pytest.mark.parametrize(("attack", "norm"), ALL, **BY_NAME)
OVER_QUICK = pytest.mark.parametrize(("attack", "norm"), QUICK, **BY_NAME)
OVER_TARGETED = pytest.mark.parametrize(("attack", "norm"), TARGETED, **BY_NAME)


@pytest.mark.slow
@pytest.mark.parametrize(("attack", "norm", "classes"), LINEAR, **BY_NAME)
def test_on_a_linear_model_the_nearest_boundary_is_found(attack: Attack, norm: str, classes: int) -> None:
    model, images = linear_classifier(classes=classes), grey_images(6)
    found, _ = run(attack, model, images)
    assert (answers(model, found) != answers(model, images)).all()
    assert (lengths(found, images, norm) <= 1.05 * nearest_boundary(model, images, norm)).all()


@pytest.mark.slow
@pytest.mark.parametrize(("attack", "norm"), CW, **BY_NAME)
def test_on_a_linear_model_the_nearest_image_of_any_target_is_found(attack: Attack, norm: str) -> None:
    model, images = linear_classifier(classes=4), grey_images(6)
    _targets_are_reached(attack, norm, (answers(model, images) + 1 + torch.arange(6) % 3) % 4)


@pytest.mark.parametrize("norm", NORMS)
def test_on_a_linear_model_deepfool_finds_the_nearest_image_of_the_likeliest_other_class(norm: str) -> None:
    # Towards others it may cross the boundaries of several classes one by one, which is not the shortest way.
    model, images = linear_classifier(classes=4), grey_images(6)
    _targets_are_reached(DEEPFOOL[norm], norm, model.scores(images).topk(2).indices[:, 1])


def _targets_are_reached(attack: Attack, norm: str, targets: Tensor) -> None:
    model, images = linear_classifier(classes=4), grey_images(6)
    found, _ = run(attack, model, images, targets)
    nearest = [nearest_target(model, image, int(t), norm) for image, t in zip(images, targets, strict=True)]
    assert (answers(model, found) == targets).all()
    assert (lengths(found, images, norm) <= 1.05 * torch.tensor(nearest)).all()


@pytest.mark.slow
@pytest.mark.parametrize("attack", [DEEPFOOL["l2"], NewtonFool(), CWL2(iterations=100)], **BY_NAME)
def test_in_whole_grey_levels_the_nearest_image_is_found(attack: Attack) -> None:
    model, images = linear_classifier((3, 16, 16), classes=2), grey_images(4, (3, 16, 16))
    found = to_8_bit(run(attack, model, images, eight_bit=True)[0])
    nearest = torch.tensor([nearest_whole_levels(model, image) for image in images])
    assert (answers(model, found) != answers(model, images)).all()
    assert (lengths(found, images, "l2") <= 1.05 * nearest).all()


@pytest.mark.parametrize("attack", [DEEPFOOL["linf"], CWLinf()], **BY_NAME)
def test_in_whole_grey_levels_the_largest_change_is_the_least_that_fools(attack: Attack) -> None:
    model, images = linear_classifier((3, 16, 16), classes=2), grey_images(4, (3, 16, 16))
    found = to_8_bit(run(attack, model, images, eight_bit=True)[0])
    nearest = (nearest_boundary(model, images, "linf") * 255).ceil()
    assert (answers(model, found) != answers(model, images)).all()
    assert torch.equal((lengths(found, images, "linf") * 255).round(), nearest)


@pytest.mark.slow
@OVER_QUICK
@pytest.mark.parametrize("eight_bit", [False, True])
def test_every_image_of_a_network_is_fooled(attack: Attack, norm: str, eight_bit: bool) -> None:
    model, images = learnt_network()
    found, _ = run(attack, model, images, eight_bit=eight_bit)
    handed = to_8_bit(found) if eight_bit else found
    assert (answers(model, handed) != answers(model, images)).all()
    assert found.min() >= 0
    assert found.max() <= 1


@OVER_TARGETED
def test_every_image_of_a_network_becomes_its_target(attack: Attack, norm: str) -> None:
    model, images = learnt_network()
    targets = (answers(model, images) + 1 + torch.arange(len(images)) % 3) % 4
    found, _ = run(attack, model, images, targets, eight_bit=True)
    assert (answers(model, to_8_bit(found)) == targets).all()


@pytest.mark.slow
@OVER_QUICK
@pytest.mark.parametrize("eight_bit", [False, True])
def test_neighbours_do_not_matter(attack: Attack, norm: str, eight_bit: bool) -> None:
    model, images = learnt_network()
    together, _ = run(attack, model, images[:6], eight_bit=eight_bit)
    alone, _ = run(attack, model, images[:3], eight_bit=eight_bit)
    assert torch.allclose(together[:3], alone, rtol=0, atol=1e-6)


@OVER_QUICK
def test_what_is_wrong_already_costs_one_look_and_stays(attack: Attack, norm: str) -> None:
    model, images = linear_classifier(), grey_images(3)
    labels = answers(model, images)
    labels[1] = (labels[1] + 1) % 4
    asked = oracle(model, 3)
    found = attack(asked, images, Goal(labels), streams(3))
    assert torch.equal(found[1], images[1])
    assert asked.queries[1] == 1
    assert (asked.queries[[0, 2]] > 1).all()


def test_each_image_of_deepfool_stops_when_it_fools() -> None:
    model, images = learnt_network()
    _, asked = run(DEEPFOOL["l2"], model, images)
    jacobians = asked.gradient_steps / 4
    assert len(jacobians.unique()) > 1
    assert torch.equal(asked.queries, (1 + 2 * jacobians).long())


@pytest.mark.slow
@pytest.mark.parametrize("attack", [CWL2(confidence=1, iterations=50), CWLinf(confidence=1, iterations=50)], **BY_NAME)
def test_confidence_is_a_margin_that_is_kept(attack: Attack) -> None:
    model, images = linear_classifier(), grey_images(4)
    goal = Goal(answers(model, images))
    found, _ = run(attack, model, images)
    assert torch.allclose(goal.loss("margin", model.scores(found)), torch.tensor(-1.0), atol=0.05)


@pytest.mark.slow
@OVER_ALL
def test_probabilities_serve_as_well_as_logits(attack: Attack, norm: str) -> None:
    model, images = linear_classifier(classes=2), grey_images(3)
    softmax = TorchClassifier(nn.Sequential(model.module, nn.Softmax(1)), kind="probabilities")
    found, _ = run(attack, softmax, images)
    assert (answers(model, found) != answers(model, images)).all()
    assert (lengths(found, images, norm) <= 1.05 * nearest_boundary(model, images, norm)).all()


@pytest.mark.parametrize(
    ("make", "part"),
    [
        (lambda: DeepFool("l1"), "l2 and linf"),  # type: ignore[arg-type]
        (lambda: DeepFool(iterations=0), "iterations above 0"),
        (lambda: DeepFool(overshoot=-1), "overshoot of 0 or more"),
        (lambda: DeepFool(candidates=1), "2 candidates or more"),
        (lambda: NewtonFool(eta=0), "eta above 0"),
        (lambda: CWL2(confidence=-1), "confidence of 0 or more"),
        (lambda: CWL2(initial_constant=0), "initial_constant above 0"),
        (lambda: CWLinf(confidence=-1), "confidence of 0 or more"),
        (lambda: CWLinf(decrease=1), "between 0 and 1"),
        (lambda: CWLinf(iterations=0), "iterations above 0"),
    ],
)
def test_bad_parameters_are_refused(make: Callable[[], Attack], part: str) -> None:
    with pytest.raises(InputError, match=part):
        make()


def test_newtonfool_refuses_targets() -> None:
    model, images = linear_classifier(), grey_images(1)
    with pytest.raises(InputError, match="cannot be targeted"):
        run(NewtonFool(), model, images, torch.tensor([1]))
