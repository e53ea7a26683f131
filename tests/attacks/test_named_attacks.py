"""Spellings of attacks: every name opens, every spec reads back as itself."""

from __future__ import annotations

import pytest
import torch

from attack_kit import grey_images, linear_classifier, run
from pixelproof.attacks.goal import Goal
from pixelproof.attacks.named import NAMES, parse_attack, split
from pixelproof.attacks.norm_ball import NormBall
from pixelproof.errors import InputError
from pixelproof.models import TorchClassifier


@pytest.mark.parametrize("name", [name for name in NAMES if name != "worst"])
def test_every_name_opens_and_reads_back_as_itself(name: str) -> None:
    attack = parse_attack(name)
    assert attack.name == name
    assert parse_attack(attack.spec) == attack


def test_worst_holds_attacks_with_parameters() -> None:
    attack = parse_attack("worst(fgsm(epsilon=4)|pgd(epsilon=4,iterations=3))")
    assert parse_attack(attack.spec) == attack
    assert attack.ball == NormBall("linf", 4)


def test_lists_are_split_outside_brackets_alone() -> None:
    assert split("few-pixel, pgd(epsilon=8,norm=l2),worst(a(b=1,c=2)|d) ,") == [
        "few-pixel",
        "pgd(epsilon=8,norm=l2)",
        "worst(a(b=1,c=2)|d)",
    ]


@pytest.mark.parametrize("loss", ["cross-entropy", "margin", "dlr"])
@pytest.mark.parametrize("classes", [2, 3, 4, 10])
@pytest.mark.parametrize("aimed", [False, True])
def test_every_loss_falls_towards_success_with_any_number_of_classes(loss: str, classes: int, aimed: bool) -> None:
    labels = torch.zeros(3, dtype=torch.int64)
    goal = Goal(labels, labels + 1 if aimed else None)
    scores = torch.randn(3, classes, generator=torch.Generator().manual_seed(0))
    scores[:, 0] = scores.amax(1) + 1
    nearer = scores.clone()
    nearer[:, 1] = scores.amax(1) + 1
    nearer[:, 0] = scores.amin(1)
    before, after = goal.loss(loss, scores), goal.loss(loss, nearer)  # type: ignore[arg-type]
    assert (after < before).all()
    assert loss == "cross-entropy" or bool(((after < 0) & (before > 0)).all())


def test_two_classes_are_enough_for_every_budget_attack() -> None:
    model, images = linear_classifier(classes=2), grey_images(3)
    for name in ("fgsm", "bim", "pgd", "apgd", "apgd(loss=dlr)", "apgd(loss=targeted-dlr,iterations=5)", "fab"):
        found, _ = run(parse_attack(name), model, images)
        assert found.isfinite().all()


def test_a_gradient_that_overflows_moves_nothing() -> None:
    class Overflowing(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            flat = x.flatten(1).sum(1)
            return torch.stack([flat, (flat - flat.detach()).abs().sqrt()], 1)  # √ has no slope at 0

    images = grey_images(2)
    found, _ = run(parse_attack("fgsm"), TorchClassifier(Overflowing(), kind="logits"), images)
    assert found.isfinite().all()


def test_budgets_keep_to_whole_levels_inside_the_ball() -> None:
    clean = grey_images(4, (3, 16, 16))
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(3))
    for norm, epsilon in (("linf", 2.5), ("linf", 0.5), ("l2", 40.3), ("l1", 900.7)):
        budget = NormBall(norm, epsilon)  # type: ignore[arg-type]
        whole = budget.to_8_bit(budget.project(clean + noise, clean), clean)
        assert budget.allows(whole, clean).all()
        assert torch.allclose(whole * 255, (whole * 255).round(), atol=1e-3)


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("nothing", "There is no attack 'nothing'"),
        ("hopskipjump", "is hop-skip-jump meant"),
        ("pgd(8)", "by name"),
        ("pgd(epsilon=8,epsilon=9)", "at most once"),
        ("pgd(iterations=2.5)", "a whole number"),
        ("pgd(random_start=maybe)", "true or false"),
        ("worst()", "no attack"),
        ("worst(fgsm(epsilon=2)|pgd(epsilon=3))", "several budgets"),
    ],
)
def test_what_is_not_so_spelled_is_refused_in_one_sentence(spec: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence) as caught:
        parse_attack(spec)
    assert "\n" not in str(caught.value)
