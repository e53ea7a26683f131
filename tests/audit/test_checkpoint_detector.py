"""Checkpoint 19: detectors, and what they change about who stands."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from functools import cache, partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import audit_kit
from audit_kit import TINY, ask, claim, lenet
from pixelproof.defences import Jpeg, PreprocessedClassifier
from pixelproof.errors import InputError
from pixelproof.jobs.audit.attacks import attack, attempts
from pixelproof.jobs.audit.checkpoints.detector import Rejecting
from pixelproof.jobs.audit.context import AuditContext
from pixelproof.jobs.audit.detector import detector_of
from pixelproof.models import TorchClassifier

pytestmark = pytest.mark.slow

SMALL = replace(TINY, clean=40, draws=4)
case = partial(audit_kit.case, effort=SMALL)


class Guarded(nn.Module):
    """Rejects what it is less than ``least`` sure of."""

    def __init__(self, least: float = 0.5) -> None:
        super().__init__()
        self.inner, self.least = lenet(), least

    def forward(self, images: Tensor) -> Tensor:
        scores: Tensor = self.inner(images)
        return scores

    def detector(self, images: Tensor) -> Tensor:
        return self.least - self.inner(images).softmax(1).amax(1)


class Hard(Guarded):
    """The same decision, without a gradient."""

    @torch.no_grad()
    def detector(self, images: Tensor) -> Tensor:
        return super().detector(images).sign()


class Rejects(Guarded):
    """Everything."""

    def detector(self, images: Tensor) -> Tensor:
        return 1 + 0 * images.mean((1, 2, 3))


class Never(Guarded):
    def detector(self, images: Tensor) -> Tensor:
        return 0 * images.mean((1, 2, 3))


@cache
def guarded(model: type[Guarded]) -> AuditContext:
    """Measured once for all claims about it."""
    return case(model())


def under(audit: AuditContext, **changes: Any) -> AuditContext:
    """The same audit, evidence and all, of another claim about it."""
    again = copy(audit)
    again.claim = claim(**changes)
    again.threat = again.claim.threat
    return again


def test_a_model_without_a_detector_is_a_persons_unless_the_claim_names_one():
    assert (answer := ask(19, case()))["verdict"] == "person"
    assert answer["questions"]
    answer = ask(19, case(None, claim(evaluation={"detector": "attacked"})))
    assert answer["verdict"] == "warn"
    assert "handed over has none" in answer["finding"]


@pytest.mark.parametrize("told", ["ignored", None])
@pytest.mark.parametrize("model", [Guarded, Hard])
def test_a_detector_that_the_evaluation_ignored_fails(model, told):
    audit = under(guarded(model), clean_accuracy=75, robust_accuracy=74, evaluation={"detector": told})
    answer = ask(19, audit)
    assert answer["verdict"] == "fail"
    numbers = dict(answer["numbers"])
    alone, both = (numbers[f"Right or rejected under an attack on {name}"] for name in ("the classifier alone", "both"))
    assert int(both.split("/")[0]) + 7 <= int(alone.split("/")[0])
    needs = {each.needs for each in attempts(audit)}
    assert needs == ({"gradients", "scores"} if model is Hard else {"gradients"})


def test_an_honest_claim_passes():
    told = {"clean_accuracy": 80, "robust_accuracy": 20, "evaluation": {"detector": "attacked"}}
    assert ask(19, under(guarded(Guarded), **told))["verdict"] == "pass"


def test_a_figure_below_what_stands_does_not_fail():
    told = {"robust_accuracy": 5, "evaluation": {"detector": "ignored"}}
    assert ask(19, under(guarded(Guarded), **told))["verdict"] == "warn"


def test_a_figure_a_little_above_what_stands_may_come_from_an_attack_on_both():
    numbers = dict(ask(19, under(guarded(Guarded), clean_accuracy=75))["numbers"])
    right, samples = map(int, numbers["Right or rejected under an attack on both"].split(" ")[0].split("/"))
    told = {"clean_accuracy": 75, "robust_accuracy": 100 * right / samples + 1}
    assert ask(19, under(guarded(Guarded), **told))["verdict"] == "warn"


def test_an_overstated_claim_fails_whatever_it_says_of_the_detector():
    told = {"clean_accuracy": 75, "robust_accuracy": 70, "evaluation": {"detector": "attacked"}}
    assert ask(19, under(guarded(Guarded), **told))["verdict"] == "fail"


@pytest.mark.parametrize("number", [2, 19])
def test_false_alarms_are_errors_of_the_clean_accuracy(number):
    """It is right on three quarters of the images, and rejects most of those."""
    audit = case(Guarded(0.99), claim(clean_accuracy=76, robust_accuracy=60, evaluation={"detector": "attacked"}))
    answer = ask(number, audit)
    assert answer["verdict"] == "fail"
    assert "rejects" in answer["finding"]
    assert audit.decision.alarms <= audit.decision.wrong


def test_a_black_box_claim_does_not_fail_by_gradients():
    told = {"clean_accuracy": 75, "robust_accuracy": 70, "threat": {"knowledge": "black-box"}}
    assert ask(19, under(guarded(Guarded), **told))["verdict"] == "warn"


def test_one_that_rejects_everything_cannot_be_fooled_and_is_all_false_alarms():
    told = claim(clean_accuracy=100, robust_accuracy=100, evaluation={"detector": "attacked"})
    audit = case(Rejects(), told, effort=replace(SMALL, samples=8))
    answer = ask(19, audit)
    assert answer["verdict"] == "fail"
    assert dict(answer["numbers"])["False alarms on clean images"].startswith("40/40")
    assert audit.decision.right == []


def test_one_that_rejects_nothing_changes_nothing():
    guarded, bare = case(Never()), case()
    assert guarded.decision.right == bare.decision.right
    spec = "pgd(norm=linf,epsilon=1,iterations=5)"
    assert attack(guarded, spec).broken == attack(bare, spec).broken


def test_targets_and_labels():
    told = claim(robust_accuracy=10, threat={"goal": "targeted"}, evaluation={"detector": "attacked"})
    assert ask(19, case(Guarded(), told, effort=replace(SMALL, samples=10)))["verdict"] == "pass"

    class Label(Guarded):
        def forward(self, images: Tensor) -> Tensor:
            return nn.functional.one_hot(self.inner(images).argmax(1), 10).float()

    assert ask(19, case(Label()))["verdict"] == "skipped"


def test_the_rejected_class_wins_exactly_where_the_detector_rejects():
    model = TorchClassifier(Guarded(0.6).eval(), kind="logits")
    images = case().samples.images
    scores = Rejecting(model, detector_of(model)).scores(images)
    rejected = model.module.detector(images) > 0
    assert 0 < int(rejected.sum()) < len(images)
    assert torch.equal(scores.argmax(1) == 10, rejected)
    assert torch.equal(scores[~rejected].argmax(1), model.scores(images)[~rejected].argmax(1))
    known = model.scores(images) - model.scores(images).amin(1, keepdim=True)
    assert torch.allclose(scores[:, 10], known.amax(1) * (1 + model.module.detector(images)), rtol=1e-4)


def test_behind_preprocessing_it_sees_what_the_model_sees():
    model, images = TorchClassifier(Guarded().eval(), kind="logits"), case().samples.images
    behind = detector_of(PreprocessedClassifier(model, Jpeg(20)))
    assert torch.equal(behind.scores(images)[:, 1], detector_of(model).scores(Jpeg(20)(images))[:, 1])


def test_a_classifier_may_bring_one_itself():
    class Own:
        name, kind, differentiable, fingerprint = "own", "logits", False, "0"

        def scores(self, images: Tensor) -> Tensor:
            return images.flatten(1)[:, :3]

        def detector(self, images: Tensor) -> Tensor:
            return images.mean((1, 2, 3)) - 0.5

    found = detector_of(Own())
    images = torch.rand(4, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    assert torch.equal(found.scores(images)[:, 1], images.mean((1, 2, 3)) - 0.5)


def test_a_layer_of_that_name_is_no_detector():
    model = nn.Sequential(lenet())
    model.detector = nn.Conv2d(3, 3, 1)
    assert detector_of(TorchClassifier(model.eval())) is None


def test_a_detector_that_answers_anything_else_is_named():
    class Odd(Guarded):
        def detector(self, images: Tensor) -> Tensor:
            return self.inner(images)

    with pytest.raises(InputError, match=r"answered the shape \(2, 10\) to 2 images"):
        detector_of(TorchClassifier(Odd().eval())).scores(torch.zeros(2, 3, 32, 32))
