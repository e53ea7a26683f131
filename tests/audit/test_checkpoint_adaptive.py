"""Checkpoint 12: BPDA past what has no gradient."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from functools import cache, partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import audit_kit
from audit_kit import TINY, ask, claim, lenet, opaque
from pixelproof.defences import BitDepth, Jpeg, PreprocessedClassifier, defend
from pixelproof.jobs.audit.attacks import attack, attempts
from pixelproof.jobs.audit.context import AuditContext
from pixelproof.models import TorchClassifier, load_model
from pixelproof.zoo import registry

pytestmark = pytest.mark.slow

SMALL = replace(TINY, clean=40, draws=4)
case = partial(audit_kit.case, effort=SMALL)

NAIVE = {"adaptive": False}


class Quantise(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return images.mul(31).round() / 31


class Compress(nn.Module):
    """JPEG in a module: no gradient at all, rather than one of 0."""

    def forward(self, images: Tensor) -> Tensor:
        return Jpeg(95)(images)


@cache
def quantised() -> AuditContext:
    """Measured once for all claims about it."""
    return case(nn.Sequential(Quantise(), lenet()))


def under(audit: AuditContext, **changes: Any) -> AuditContext:
    """The same audit, evidence and all, of another claim about it."""
    again = copy(audit)
    again.claim = claim(**changes)
    again.threat = again.claim.threat
    return again


def test_an_honest_network_has_nothing_to_go_past():
    audit = case()
    answer = ask(12, audit)
    assert answer["verdict"] == "pass"
    assert "nothing to go past" in answer["finding"]
    assert attempts(audit) == []


@pytest.mark.parametrize(
    ("model", "how"),
    [
        (lambda: nn.Sequential(Quantise(), lenet()), "against the gradient as it is"),
        (lambda: nn.Sequential(Compress(), lenet()), "without any attack"),
        (lambda: PreprocessedClassifier(load_model("zoo:lenet"), Jpeg(95)), "against images made for the bare model"),
    ],
    ids=["zero-gradient", "no-gradient", "preprocessed"],
)
def test_an_evaluation_that_did_not_know_fails(model, how):
    answer = ask(12, case(model(), claim(robust_accuracy=70, evaluation=NAIVE)))
    assert answer["verdict"] == "fail"
    assert f"stay right {how}" in answer["finding"]
    assert "BPDA" in answer["remedy"]
    before, left = [row["y"] for row in answer["plots"][0]["rows"]]
    assert left < before or how.startswith("against images")


def test_a_figure_that_adaptive_attacks_leave_standing_does_not_fail():
    """Below what BPDA leaves (about 20 %): the evaluation was naive, the claim holds all the same."""
    answer = ask(12, under(quantised(), robust_accuracy=5, evaluation=NAIVE))
    assert answer["verdict"] == "warn"


def test_an_honest_adaptive_claim_passes_and_one_that_is_adaptive_in_name_alone_fails():
    assert ask(12, under(quantised(), robust_accuracy=20))["verdict"] == "pass"
    answer = ask(12, under(quantised(), robust_accuracy=70))
    assert answer["verdict"] == "fail"
    assert "adaptive in name alone" in answer["finding"]


def test_a_black_box_claim_does_not_fail_by_gradients():
    told = {"robust_accuracy": 70, "evaluation": NAIVE, "threat": {"knowledge": "grey-box"}}
    assert ask(12, under(quantised(), **told))["verdict"] == "warn"


def test_the_bare_model_is_the_one_without_the_defence():
    """Squeezing that changes no 8-bit image: what fools the bare model fools the defended one."""
    audit = case(PreprocessedClassifier(load_model("zoo:lenet"), BitDepth(8)), claim(evaluation=NAIVE))
    answer = ask(12, audit)
    assert answer["verdict"] == "pass"
    bare = next(each for each in attempts(audit) if each.view == "plain")
    plain = attack(case(), bare.attack, "plain")
    assert len(bare.broken ^ plain.broken) <= 2, "the same attack from other random starts"


def test_an_encoding_has_no_bare_model():
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = lenet()

        def forward(self, bits: Tensor) -> Tensor:
            return self.inner(bits.unflatten(1, (3, 16)).sum(2) / 16)

    model = defend(TorchClassifier(Net().eval(), kind="logits"), "thermometer(16)")
    answer = ask(12, case(model, claim(robust_accuracy=70, evaluation=NAIVE), effort=replace(SMALL, samples=25)))
    assert answer["verdict"] == "fail"
    assert "stay right without any attack" in answer["finding"]


def test_a_branch_that_cannot_be_passed_is_a_warning():
    class Means(nn.Module):
        """The brightness of each channel, without a gradient."""

        def forward(self, images: Tensor) -> Tensor:
            return images.mean((2, 3)).detach()

    class Branched(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.means = lenet(), Means()

        def forward(self, images: Tensor) -> Tensor:
            return self.inner(images) + 0.1 * self.means(images).sum(1, keepdim=True)

    answer = ask(12, case(Branched()))
    assert answer["verdict"] == "warn"
    assert "No gradient passes layer means (Means)" in answer["finding"]


def test_without_gradients_or_in_l0_it_is_skipped(monkeypatch: pytest.MonkeyPatch):
    network = lenet().eval()
    few_pixels = case(nn.Sequential(Quantise(), lenet()), claim(threat={"norm": "l0", "epsilon": 2}))
    monkeypatch.setattr(registry, "ZOO", {})  # nobody has a network that answers as it does
    hidden = ask(12, case(opaque(network)))
    assert hidden["verdict"] == "skipped"
    assert "--bare MODEL" in hidden["finding"]
    assert ask(12, few_pixels)["verdict"] == "skipped"


def test_evidence_is_measured_once():
    audit = quantised()
    first = ask(12, audit)
    torch.rand(7)
    count = len(audit.evidence)
    assert ask(12, audit) == first
    assert len(audit.evidence) == count
