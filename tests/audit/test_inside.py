"""The bare network is found inside a model, however its gradient is hidden; what fools it is judged by the whole."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import audit_kit
from audit_kit import TINY, ask, claim, lenet, opaque
from pixelproof.jobs.audit.context import AuditContext
from pixelproof.jobs.audit.follow import inside_attacks
from pixelproof.jobs.audit.inside import interior
from pixelproof.jobs.audit.surviving import surviving
from pixelproof.models import load_model

pytestmark = pytest.mark.slow

case = partial(audit_kit.case, effort=replace(TINY, samples=24, iterations=10, clean=60))
BOAST = claim(robust_accuracy=70, threat={"epsilon": 2}, evaluation={"attack": "pgd"})
#: Of 24 samples PGD leaves the bare LeNet 2 within 2 grey levels; each defence may keep two more.
FEW = 4


class Around(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = lenet()


class Rounded(Around):
    """A rounding in ``forward``, which is no layer."""

    def forward(self, images: Tensor) -> Tensor:
        return self.inner(torch.round(images * 31) / 31)


class Bytes(Around):
    def forward(self, images: Tensor) -> Tensor:
        return self.inner((images * 255 / 4).to(torch.uint8) * 4 / 255)


class ByNumPy(Around):
    def forward(self, images: Tensor) -> Tensor:
        return self.inner(torch.from_numpy(np.round(images.detach().cpu().numpy() * 31) / np.float32(31)))


class Purified(Around):
    """Steps of its own at test time towards what it is surer of."""

    def forward(self, images: Tensor) -> Tensor:
        with torch.enable_grad():
            seen = images.detach().clone().requires_grad_()
            for _ in range(3):
                scores = self.inner(seen)
                entropy = -(scores.softmax(1) * scores.log_softmax(1)).sum()
                (gradient,) = torch.autograd.grad(entropy, seen)
                seen = (seen - gradient.sign() / 255).clamp(0, 1).detach().requires_grad_()
        return self.inner(seen).detach()


class Decoy(Around):
    """Margins that are flat but for a small slope, which is true wherever it is asked and leads nowhere."""

    def __init__(self) -> None:
        super().__init__()
        slope = torch.randn(3072, 10, generator=torch.Generator().manual_seed(0))
        self.register_buffer("slope", 1e-3 * slope)

    def forward(self, images: Tensor) -> Tensor:
        top = functional.one_hot(self.inner(images).argmax(1), 10)
        return 8.0 * top + images.flatten(1) @ self.slope


class Saturated(Around):
    def forward(self, images: Tensor) -> Tensor:
        return (1e4 * self.inner(images)).softmax(1)


class Squeezed(Around):
    def forward(self, images: Tensor) -> Tensor:
        return torch.tanh(1e3 * self.inner(images))


class InOneFunction(nn.Module):
    """No network of its own inside: the layers are called one by one, and their scores made flat."""

    def __init__(self) -> None:
        super().__init__()
        found = lenet()
        self.layers = nn.ModuleList(found.children())
        self.whole = [found.forward]  # not a layer

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        return functional.one_hot(self.whole[0](images).argmax(1), 10).float()


def robust(audit: AuditContext) -> int:
    return surviving(audit).robust_accuracy.successes


@pytest.mark.parametrize(
    ("model", "story"),
    [
        (Rounded, "transformed by up to 4 grey levels"),
        (Bytes, "transformed by up to"),
        (ByNumPy, "transformed by up to 4 grey levels"),
        (Purified, "a purification at test time"),
        (Decoy, "a decoy"),
        (Saturated, "saturated, squeezed or made flat"),
        (Squeezed, "saturated, squeezed or made flat"),
        (InOneFunction, "lets no gradient through"),
    ],
)
def test_whatever_hides_the_gradient_is_gone_past(model: Any, story: str) -> None:
    audit = case(model(), BOAST)
    answer = ask(12, audit)
    assert answer["verdict"] == "fail"
    assert story in interior(audit).story
    assert robust(audit) <= FEW


def test_an_honest_network_has_nothing_inside_and_costs_nothing() -> None:
    audit = case(lenet(), claim())
    assert interior(audit).parts == ()
    assert inside_attacks(audit) == []


def test_a_network_that_no_layer_holds_is_found_in_a_closure() -> None:
    network = lenet().eval()
    audit = case(lambda images: network(images).detach().numpy(), BOAST)
    assert any(part.kind == "bare" for part in interior(audit).parts)
    assert robust(audit) <= FEW


def test_the_bare_network_can_be_handed_over_where_it_cannot_be_found() -> None:
    hidden = opaque(lenet().eval())
    audit = case(hidden, BOAST, bare=load_model("zoo:lenet"))
    assert [part.kind for part in interior(audit).parts] == ["given"]
    assert robust(audit) <= FEW


def test_where_nothing_is_found_inside_a_public_network_that_agrees_is_followed() -> None:
    audit = case(opaque(lenet().eval()), BOAST)
    assert [part.name for part in interior(audit).parts] == ["the public network zoo:lenet"]
    assert robust(audit) <= FEW
    other = case(opaque(lambda images: lenet()(images).roll(1, 1)), BOAST)  # which nobody agrees with
    assert interior(other).parts == ()


def test_what_is_handed_over_and_disagrees_is_said_to() -> None:
    audit = case(opaque(lenet().eval()), BOAST, bare=load_model("zoo:resnet20-fast"))
    answer = ask(12, audit)
    assert any(name.startswith("Answers as the whole does") for name, _ in answer["numbers"])


def test_a_part_that_fails_on_the_way_is_left_and_what_it_found_counts() -> None:
    class Tiring(Around):
        calls = 0

        def forward(self, images: Tensor) -> Tensor:
            if torch.is_grad_enabled() and images.requires_grad:
                Tiring.calls += 1
            if Tiring.calls > 20:
                raise RuntimeError("no more gradients")
            return self.inner(images)

    class Whole(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.part = Tiring()

        def forward(self, images: Tensor) -> Tensor:
            return self.part(torch.round(images * 31) / 31).detach()

    audit = case(Whole(), BOAST)
    (first, *_) = inside_attacks(audit)
    assert audit.decision.wrong < first.broken


def test_a_black_box_attacker_does_not_look_inside() -> None:
    told = claim(robust_accuracy=70, threat={"knowledge": "black-box", "queries": 100}, evaluation={"attack": "square"})
    audit = case(Decoy(), told)
    assert ask(12, audit)["verdict"] != "fail"
    assert {each.needs for each in surviving(audit).attacks} <= {"scores", "labels"}


def test_a_module_is_left_as_it_was_found() -> None:
    model = Rounded()
    model.inner.train()
    audit = case(model, BOAST)
    inside_attacks(audit)
    assert model.inner.training
    assert all(weight.grad is None for weight in model.parameters())
    assert torch.from_numpy is not None
    assert torch.from_numpy(np.zeros(1)).tolist() == [0]
