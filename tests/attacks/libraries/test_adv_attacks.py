"""The adversarial-library: a stand-in with its faults, and the library itself where it is installed."""

from __future__ import annotations

import importlib.util
import sys
from math import inf
from pathlib import Path

import pytest
import torch

from attack_kit import answers, grey_images, linear_classifier, run
from pixelproof.attacks.libraries import library_attack
from pixelproof.attacks.norm_ball import NormBall
from pixelproof.errors import InputError

STAND_IN = """
import visdom
from torchvision import models


def pgd_linf(model, inputs, labels, ε, targeted=False, steps=2, callback=None):
    for _ in range(steps):
        inputs = inputs.detach().requires_grad_()
        scores = model(inputs).gather(1, labels[:, None]).sum()
        scores.backward()
        inputs = inputs + (1 if targeted else -1) * ε * inputs.grad.sign()
    return inputs


def apgd(model, inputs, labels, eps, norm, targeted=False):
    return inputs


def fab(model, inputs, labels, norm, ε=None, targeted=False):
    return inputs
"""

needs_library = pytest.mark.skipif(importlib.util.find_spec("adv_lib") is None, reason="adv_lib is not installed")


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[misc]
    """A package ``adv_lib`` that imports what it does not need, as the real one does."""
    for name in [name for name in sys.modules if name.partition(".")[0] in ("adv_lib", "visdom", "torchvision")]:
        monkeypatch.delitem(sys.modules, name)
    package = tmp_path / "adv_lib" / "attacks"
    package.mkdir(parents=True)
    (tmp_path / "adv_lib" / "__init__.py").write_text("")
    (package / "__init__.py").write_text(STAND_IN, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in ("adv_lib.attacks", "adv_lib"):
        sys.modules.pop(name, None)


@pytest.mark.usefixtures("stand_in")
def test_what_it_imports_without_need_is_there_for_its_import_only():
    assert library_attack("adv:apgd(eps=0.1,norm=2)").ball == NormBall("l2", 25.5)
    assert "visdom" not in sys.modules
    assert "torchvision" not in sys.modules


@pytest.mark.slow
@pytest.mark.usefixtures("stand_in")
def test_it_goes_away_from_labels_or_to_targets_and_keeps_its_budget():
    attack, classifier, images = library_attack("adv:pgd_linf(ε=20/255)"), linear_classifier(), grey_images(5)
    labels = answers(classifier, images)
    away, asked = run(attack, classifier, images)
    assert (answers(classifier, away) != labels).all()
    assert asked.queries.tolist() == asked.gradient_steps.tolist() == [2] * 5
    targets = (labels + 1) % 4
    towards, _ = run(attack, classifier, images, targets)
    assert torch.equal(answers(classifier, towards), targets)
    assert ((towards - images).abs() * 255).amax() <= 20 + 1e-3


@pytest.mark.usefixtures("stand_in")
def test_parameters_and_goals_that_it_does_not_know():
    for spec in ("adv:apgd(eps=0.1)", "adv:apgd(eps=0.1,norm=2,targeted=True)", "adv:pgd_linf(eps=0.1)"):
        with pytest.raises(InputError, match=r"needs norm=|no parameter"):
            library_attack(spec)
    attack = library_attack("adv:fab(norm=2,ε=0.1)")
    assert attack.ball is None  # its ε bounds nothing
    with pytest.raises(InputError, match="knows no targets"):
        run(attack, linear_classifier(), grey_images(2), torch.tensor([1, 2]))


@needs_library
@pytest.mark.parametrize("norm", [2, inf])
def test_the_images_are_those_of_a_direct_call(norm):
    classifier, images = linear_classifier(classes=2), grey_images(4)
    found, _ = run(library_attack(f"adv:fmn(norm={norm},steps=200)"), classifier, images)
    fmn = sys.modules["adv_lib.attacks"].fmn  # which the adapter has imported
    assert torch.allclose(
        found, fmn(classifier.module, images, answers(classifier, images), norm, steps=200), atol=1e-6
    )
    weight = classifier.module[1].weight.detach()
    dual = torch.linalg.vector_norm(weight[0] - weight[1], 2 if norm == 2 else 1)
    nearest = classifier.scores(images).diff(dim=1).abs().squeeze(1) / dual
    length = torch.linalg.vector_norm((found - images).flatten(1), norm, dim=1)
    assert (length <= 1.05 * nearest).all()
