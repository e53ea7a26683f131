"""Checkpoint 10: gradient health, by models whose gradients are ill in one way each."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import Tensor, nn

import audit_kit
from audit_kit import TINY, ask, claim, lenet, opaque
from pixelproof.defences import Jpeg, PreprocessedClassifier, defend
from pixelproof.jobs.audit.checkpoints.gradient_health import health, offsets, surface
from pixelproof.models import load_model

pytestmark = pytest.mark.slow

SMALL = replace(TINY, clean=40, draws=4)
case = partial(audit_kit.case, effort=SMALL)

NAIVE = {"adaptive": False, "attack": "pgd"}


class Around(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = lenet()


class Scaled(Around):
    def forward(self, images: Tensor) -> Tensor:
        return 1e4 * self.inner(images)


class Rippled(Around):
    """A wave in the mean of the pixels under random weights, with three waves to a grey level, on one logit each."""

    def __init__(self) -> None:
        super().__init__()
        drawn = torch.randn(3072, 10, generator=torch.Generator().manual_seed(3))
        self.register_buffer("weights", drawn / drawn.norm(dim=0))

    def forward(self, images: Tensor) -> Tensor:
        return self.inner(images) + torch.sin(5000 * images.flatten(1) @ self.weights)


class Noisy(Around):
    def forward(self, images: Tensor) -> Tensor:
        return self.inner(images + torch.randn_like(images) * 4 / 255)


class Quantise(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return images.mul(31).round() / 31


class _Spoil(torch.autograd.Function):
    """Its input forwards; backwards ``backwards`` of the gradient."""

    @staticmethod
    def forward(ctx, images, backwards):
        ctx.backwards = backwards
        return images.clone()

    @staticmethod
    def backward(ctx, gradient):
        return ctx.backwards(gradient), None


class Spoiled(Around):
    def __init__(self, backwards) -> None:
        super().__init__()
        self.backwards = backwards

    def forward(self, images: Tensor) -> Tensor:
        return self.inner(_Spoil.apply(images, self.backwards))


def test_an_honest_network_passes_and_its_surface_is_drawn():
    audit = case()
    answer = ask(10, audit)
    assert answer["verdict"] == "pass"
    assert dict(answer["numbers"])["Gradient exactly 0"].startswith("0/28")
    heat, lines = answer["plots"]
    assert (heat["kind"], len(heat["rows"])) == ("heat", 49)
    centre = next(row["z"] for row in heat["rows"] if row["x"] == row["y"] == 0)
    drawn = surface(audit, "plain")
    where = torch.tensor(drawn["row"])[None]
    expected = audit.samples.goal(where).loss("margin", audit.decision.log_scores(audit.samples.images[where]))
    assert centre == pytest.approx(float(expected), abs=1e-4)
    along = [row for row in lines["rows"] if row["line"] == "along the gradient"]
    assert [row["x"] for row in along] == offsets()
    step = along[41]["y"] - along[39]["y"], along[41]["x"] - along[39]["x"]
    assert step[0] / step[1] == pytest.approx(drawn["slope"], rel=0.3), "the line begins as steep as the gradient says"


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (Scaled, "exactly 0 on 28 of 28"),
        (Rippled, "raises the margin"),
        (lambda: Spoiled(lambda g: g * 0), "exactly 0 on 28 of 28"),
        (lambda: Spoiled(lambda g: g / 0), "infinite or not a number on 28 of 28"),
        (lambda: Spoiled(lambda g: g * torch.randn_like(g)), "two calls give two gradients on 28 of 28"),
        (lambda: Spoiled(lambda g: -g), "raises the margin on 28 of 28"),
        (lambda: Spoiled(lambda g: g * 10), "less than a quarter of what it says on 28 of 28"),
    ],
    ids=["scaled", "rippled", "zero", "infinite", "random", "reversed", "exaggerated"],
)
def test_ill_gradients_fail_even_where_the_evaluation_is_adaptive(model, said):
    answer = ask(10, case(model(), claim(robust_accuracy=70, evaluation={"adaptive": True})))
    assert answer["verdict"] == "fail"
    assert said in answer["finding"]
    assert answer["remedy"]


def test_ill_gradients_are_a_reservation_where_the_claim_holds_all_the_same():
    """What goes round them leaves about 30 %, more than is claimed."""
    answer = ask(10, case(Spoiled(lambda g: g * 0), claim(robust_accuracy=10)))
    assert answer["verdict"] == "warn"
    assert "not against the claim" in answer["finding"]


def test_a_few_faults_are_a_warning():
    """Images brighter than most have no gradient."""
    audit = case(Spoiled(lambda g: g))
    bright = audit.samples.images[audit.decision.right].mean((1, 2, 3)).sort().values[-3]

    class Some(Around):
        def forward(self, images: Tensor) -> Tensor:
            passed = (images.mean((1, 2, 3)) < bright).float()[:, None]
            scores = self.inner(images)
            return torch.where(passed > 0, scores, scores.detach())

    answer = ask(10, case(Some()))
    assert answer["verdict"] == "warn"
    assert "exactly 0 on 3 of 28" in answer["finding"]


def test_a_quantiser_fails_unless_the_evaluation_knew_of_it():
    model = nn.Sequential(Quantise(), lenet())
    answer = ask(10, case(model, claim(robust_accuracy=70, evaluation=NAIVE)))
    assert answer["verdict"] == "fail"
    assert "exactly 0" in answer["finding"]
    answer = ask(10, case(model, claim(evaluation={"adaptive": True})))
    assert answer["verdict"] == "pass"
    assert "past layer 0 (Quantise)" in answer["finding"]


@pytest.mark.parametrize(
    ("evaluation", "verdict"),
    [(NAIVE, "fail"), ({"adaptive": False, "attack": "boundary"}, "warn"), ({"adaptive": True}, "pass")],
)
def test_no_gradient_at_all_is_a_fault_of_an_evaluation_by_gradients(evaluation, verdict):
    model = PreprocessedClassifier(load_model("zoo:lenet"), Jpeg())
    answer = ask(10, case(model, claim(robust_accuracy=70, evaluation=evaluation)))
    assert answer["verdict"] == verdict
    assert ("lets no gradient through" in answer["finding"]) == (verdict != "pass")
    assert "BPDA past jpeg(75)" in answer["notes"]


def test_against_a_black_box_it_is_evidence_beside_the_claim():
    answer = ask(10, case(Scaled(), claim(threat={"knowledge": "black-box"})))
    assert answer["verdict"] == "warn"


def test_randomness_is_held_fast():
    """Noise at every call: gradients differ, yet each says what the loss does under the same noise."""
    audit = case(Noisy(), claim(evaluation={"draws": 10}))
    answer = ask(10, audit)
    assert audit.random
    assert answer["verdict"] == "pass"
    found = health(audit, "plain")
    assert found.unsteady == found.samples
    assert found.rising == 0
    assert found.agreement > 0.8
    assert ask(10, case(Noisy()))["verdict"] == "warn", "no draws are named"


def test_draws_that_cannot_be_held_fast_are_not_judged_a_grey_level_away():
    audit = case(defend(load_model("zoo:lenet"), "noise(8)"))
    answer = ask(10, audit)
    assert answer["verdict"] == "pass"
    assert any("held fast" in note for note in answer["notes"])


def test_without_gradients_a_claim_by_other_attacks_skips_it():
    answer = ask(10, case(opaque(lenet().eval()), claim(evaluation={"attack": "square"})))
    assert answer["verdict"] == "skipped"
    assert "gives no gradients" in answer["finding"]


class InNumPy(Around):
    """The same answers, computed where no gradient goes."""

    def forward(self, images: Tensor) -> Tensor:
        with torch.inference_mode():
            return torch.from_numpy(self.inner(images).numpy().copy())


@pytest.mark.parametrize("model", [InNumPy, lambda: opaque(lenet().eval())], ids=["module", "function"])
def test_a_claim_by_gradients_of_a_model_that_has_none_is_the_finding(model):
    told = claim(robust_accuracy=70, evaluation={"adaptive": False, "attack": "PGD-20, ten restarts"})
    answer = ask(10, case(model(), told))
    assert answer["verdict"] == "fail"
    assert "the model has none" in answer["finding"]


def test_an_honest_claim_by_gradients_of_the_network_inside_is_none():
    told = claim(robust_accuracy=10, evaluation={"adaptive": True, "attack": "pgd"})
    assert ask(10, case(InNumPy(), told))["verdict"] == "warn"


@pytest.mark.parametrize("threat", [{"norm": "l0", "epsilon": 3}, {"norm": "l2", "epsilon": 30}, {"goal": "targeted"}])
def test_other_threats(threat):
    assert ask(10, case(None, claim(threat=threat)))["verdict"] == "pass"
