"""BPDA inside modules: past a quantiser the gradient is that of the model without it, at the quantised image."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from attack_kit import grey_images, linear_classifier
from pixelproof.defences.straight_through import straight_through
from pixelproof.models import CallableClassifier, TorchClassifier


class Quantise(nn.Module):
    """Whole multiples of 1/``steps``; its gradient is 0 everywhere."""

    def __init__(self, steps: int = 15, in_place: bool = False) -> None:
        super().__init__()
        self.steps, self.in_place = steps, in_place

    def forward(self, images: Tensor) -> Tensor:
        if self.in_place:
            return images.mul_(self.steps).round_().div_(self.steps)
        return images.mul(self.steps).round().div(self.steps)


class Detached(Quantise):
    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images)


class Encode(nn.Module):
    """Each value beside its top half as bits: 2 · C channels of C, without a gradient."""

    def forward(self, images: Tensor) -> Tensor:
        return torch.cat([images, images > 0.5], 1).round().detach()


class NamedEncode(Encode):
    def stand_in(self, images: Tensor) -> Tensor:
        return torch.cat([images, 3 * images], 1)


class Curved(nn.Module):
    """Logits with gradients that differ from image to image."""

    def __init__(self, channels: int = 3) -> None:
        super().__init__()
        self.layer = linear_classifier((channels, 8, 8)).module

    def forward(self, images: Tensor) -> Tensor:
        scores: Tensor = self.layer(images**3)
        return scores


def _gradient(module: nn.Module | TorchClassifier, images: Tensor) -> Tensor:
    images = images.clone().requires_grad_()
    scores = module.scores(images) if isinstance(module, TorchClassifier) else module(images)
    (gradient,) = torch.autograd.grad(scores.square().sum(), images)
    return gradient


@pytest.mark.parametrize("layer", [Quantise(), Quantise(in_place=True), Detached()])
def test_past_a_quantiser_values_stay_and_gradients_are_those_behind_it(layer):
    images, inner = grey_images(6), Curved()
    model = TorchClassifier(nn.Sequential(layer, inner), kind="logits")
    found, passed, stuck = straight_through(model, images)
    assert (passed, stuck) == ((f"layer 0 ({type(layer).__name__})",), ())
    assert torch.equal(found.scores(images), model.scores(images))
    assert torch.equal(found.scores(images.clone().requires_grad_()), model.scores(images))
    expected = _gradient(inner, layer(images.clone()))
    assert float(expected.abs().min()) > 0
    assert torch.allclose(_gradient(found, images), expected, rtol=1e-4, atol=1e-7)


def test_the_module_is_left_as_it_was():
    module = nn.Sequential(Quantise(), Curved()).train()
    model, images = TorchClassifier(module, kind="logits"), grey_images(4)
    before = [dict(vars(each)) for each in module.modules()]
    found = straight_through(model, images).classifier
    assert found is not model
    assert found.fingerprint != model.fingerprint
    assert [dict(vars(each)) for each in module.modules()] == before
    assert all(each.training for each in module.modules())
    assert not _gradient(model, images).any(), "its own gradient is still 0"


def test_an_honest_network_is_returned_itself():
    model = TorchClassifier(nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.ReLU(), Curved()), kind="logits")
    assert straight_through(model, grey_images(4)) == (model, (), ())


def test_a_layer_that_is_dead_on_these_images_is_no_obstacle():
    """All zeros, whatever the image: no gradient is lost in it."""
    dead = nn.Conv2d(3, 3, 1)
    nn.init.constant_(dead.weight, -1.0)
    nn.init.constant_(dead.bias, -1.0)
    branches = _Sum(nn.Sequential(dead, nn.ReLU()), nn.Identity())
    model = TorchClassifier(nn.Sequential(branches, Curved()), kind="logits")
    assert straight_through(model, grey_images(4)) == (model, (), ())


class _Sum(nn.Module):
    def __init__(self, one: nn.Module, other: nn.Module) -> None:
        super().__init__()
        self.one, self.other = one, other

    def forward(self, images: Tensor) -> Tensor:
        return self.one(images) + self.other(images)


def test_as_little_as_possible_is_passed():
    """The block around the quantiser keeps its other layers' gradients."""
    weigh = nn.Conv2d(3, 3, 1, bias=False)
    block = nn.Sequential(weigh, Quantise(255))
    model = TorchClassifier(nn.Sequential(block, Curved()), kind="logits")
    images = grey_images(4)
    found, passed, _ = straight_through(model, images)
    assert passed == ("layer 0.1 (Quantise)",)
    seen = weigh(images).detach()
    expected = torch.einsum("oi,nohw->nihw", weigh.weight[:, :, 0, 0], _gradient(model.module[1], block[1](seen)))
    assert torch.allclose(_gradient(found, images), expected, rtol=1e-4, atol=1e-6)


def test_a_block_that_cuts_off_its_own_layers_is_passed_as_a_whole():
    class Frozen(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Sequential(Quantise(), nn.Identity())

        @torch.no_grad()
        def forward(self, images: Tensor) -> Tensor:
            return self.inner(images)

    model = TorchClassifier(nn.Sequential(Frozen(), Curved()), kind="logits")
    assert straight_through(model, grey_images(4)).passed == ("layer 0 (Frozen)",)


def test_what_changes_the_shape_needs_a_stand_in():
    images = grey_images(4)
    model = TorchClassifier(nn.Sequential(Encode(), Curved(6)), kind="logits")
    assert straight_through(model, images) == (model, (), ("layer 0 (Encode)",))
    named = TorchClassifier(nn.Sequential(NamedEncode(), Curved(6)), kind="logits")
    found, passed, stuck = straight_through(named, images)
    assert (passed, stuck) == (("layer 0 (NamedEncode)",), ())
    inner = _gradient(model.module[1], Encode()(images))
    assert torch.allclose(_gradient(found, images), inner[:, :3] + 3 * inner[:, 3:], rtol=1e-4, atol=1e-7)


def test_what_stands_in_forward_itself_is_out_of_reach():
    class Rounded(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = Curved()

        def forward(self, images: Tensor) -> Tensor:
            return self.inner(images.mul(15).round() / 15)

    model = TorchClassifier(Rounded(), kind="logits")
    assert straight_through(model, grey_images(4)) == (model, (), ("forward (Rounded)",))


def test_what_is_no_module_in_python_stays_closed():
    model = CallableClassifier(lambda images: images.flatten(1)[:, :4])
    assert straight_through(model, grey_images(2)) == (model, (), ())


def test_a_module_that_cannot_be_copied_stays_closed():
    class Uncopied(Quantise):
        def __deepcopy__(self, memo: object) -> None:
            raise RuntimeError("no")

    model = TorchClassifier(nn.Sequential(Uncopied(), Curved()), kind="logits")
    assert straight_through(model, grey_images(2)) == (model, (), ())
