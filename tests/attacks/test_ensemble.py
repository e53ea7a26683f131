"""Several attacks as one: order, counting, budgets, and the standard members of AutoAttack."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
from torch import Tensor

from attack_kit import answers, grey_images, linear_classifier, run
from pixelproof.attacks.attack import Attack, Needs
from pixelproof.attacks.ensemble import AutoAttack, WorstCase
from pixelproof.attacks.goal import Goal
from pixelproof.attacks.gradient.apgd import AutoPGD
from pixelproof.attacks.gradient.bim import BIM
from pixelproof.attacks.gradient.fab import FAB
from pixelproof.attacks.gradient.fgsm import FGSM
from pixelproof.attacks.gradient.pgd import PGD
from pixelproof.attacks.norm_ball import NormBall
from pixelproof.attacks.oracle import Oracle
from pixelproof.errors import InputError
from pixelproof.seeds import Streams


@dataclass(frozen=True)
class Brighten(Attack):
    """Asks ``asked`` times for nothing, then adds ``levels`` to every value."""

    name: ClassVar[str] = "brighten"
    needs: ClassVar[Needs] = "labels"

    levels: float = 1
    asked: int = 0

    def __call__(self, oracle: Oracle, images: Tensor, goal: Goal, streams: Streams) -> Tensor:
        for _ in range(self.asked):
            oracle.labels(images, goal.rows)
        return images + self.levels / 255


def far_and_near(epsilon: float) -> tuple[Tensor, Tensor]:
    """Images of the two-class linear model, and which of them an L∞ change of ``epsilon`` levels fools."""
    model, images = linear_classifier(classes=2), grey_images(8)
    weight, scores = model.module[1].weight.detach(), model.scores(images)
    needed = 255 * (scores[:, 0] - scores[:, 1]).abs() / (weight[0] - weight[1]).abs().sum()
    return images, needed < epsilon


def test_each_sample_keeps_its_first_success_and_costs_nothing_after() -> None:
    model = linear_classifier(classes=2)
    images, near = far_and_near(0.5)
    assert 0 < near.sum() < 8
    found, asked = run(WorstCase((FGSM(0.5), FGSM(0.5), Brighten(0.4, asked=3))), model, images)
    assert (answers(model, found) != answers(model, images)).equal(near)
    assert asked.gradient_steps.tolist() == [1 if k else 2 for k in near.tolist()]
    assert asked.queries[near].eq(2).all()  # a step and the judgement of it
    assert asked.queries[~near].eq(8).all()  # two such, three questions, and a judgement
    assert found[~near].equal(images[~near])


def test_the_budget_holds_for_members_without_one() -> None:
    model, images = linear_classifier(classes=2), grey_images(8)
    attack = WorstCase((FGSM(0.5), FAB("linf", iterations=5)))
    assert attack.ball == NormBall("linf", 0.5)
    found, _ = run(attack, model, images)
    assert 255 * (found - images).abs().max() <= 0.5 + 1e-4
    found, _ = run(WorstCase((Brighten(3), FGSM(2))), model, images, eight_bit=True)
    assert attack.ball.norm == "linf"
    assert NormBall("linf", 2).allows(found, images).all()


def test_its_spelling_needs_and_budget_are_those_of_its_members() -> None:
    attack = WorstCase((Brighten(), FGSM(4)))
    assert attack.spec == f"worst({Brighten().spec}|{FGSM(4).spec})"
    assert attack.needs == "gradients"
    assert WorstCase((Brighten(),)).needs == "labels"
    assert WorstCase((Brighten(),)).ball is None


def test_targets_are_reached() -> None:
    model, images = linear_classifier(), grey_images(6)
    targets = (answers(model, images) + 1) % 4
    found, _ = run(WorstCase((FGSM(20), PGD(epsilon=20))), model, images, targets)
    assert answers(model, found).equal(targets)


def test_neighbours_change_nothing() -> None:
    model, images = linear_classifier(), grey_images(6)
    attack = WorstCase((PGD(epsilon=1, iterations=2), PGD(epsilon=1, iterations=5)))
    among, _ = run(attack, model, images)
    alone, _ = run(attack, model, images[:3])
    assert torch.allclose(among[:3], alone, atol=1e-6)


@pytest.mark.parametrize("attacks", [(), (FGSM(4), BIM(8)), (FGSM(4), PGD("l2", 4))])
def test_what_makes_no_ensemble_is_refused(attacks: tuple[Attack, ...]) -> None:
    with pytest.raises(InputError):
        WorstCase(attacks)


def test_an_attack_on_all_samples_at_once_is_refused() -> None:
    @dataclass(frozen=True)
    class Together(Brighten):
        together: ClassVar[bool] = True

    with pytest.raises(InputError, match="at once"):
        WorstCase((Together(),))


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_autoattack_has_its_standard_members(norm: str) -> None:
    members = AutoAttack(norm, 4).members.attacks  # type: ignore[arg-type]
    assert members[:3] == (AutoPGD(norm, 4, "ce", 100), AutoPGD(norm, 4, "targeted-dlr", 100), FAB(norm, 4, 100, 9))  # type: ignore[arg-type]
    assert members[3].name == "square"
    assert members[3].queries == 5000  # type: ignore[attr-defined]
    assert {member.ball for member in members} == {NormBall(norm, 4)}  # type: ignore[arg-type]


@pytest.mark.parametrize("classes", [2, 3])
def test_autoattack_fools_whatever_can_be_fooled_with_few_classes(classes: int) -> None:
    """On a linear model of two or three classes, where others' ensembles fail; all within one grey level fall."""
    model, images = linear_classifier((1, 4, 4), classes), grey_images(4, (1, 4, 4))
    found, _ = run(AutoAttack("linf", 30), model, images, eight_bit=True)
    assert (answers(model, found) != answers(model, images)).all()
    assert NormBall("linf", 30).allows(found, images).all()


@pytest.mark.parametrize("arguments", [("l1", 8), ("linf", 0)])
def test_autoattack_refuses_what_it_cannot_do(arguments: tuple[str, float]) -> None:
    with pytest.raises(InputError):
        AutoAttack(*arguments)  # type: ignore[arg-type]
