"""Thermometers by hand, their stand-in, and the rule that nothing but a model may follow."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from pixelproof.defences import Chain, MedianFilter, PreprocessedClassifier, Thermometer, defend, parse_defence
from pixelproof.errors import InputError, ModelError
from pixelproof.models import TorchClassifier, load_model


def _images(*shape: int) -> torch.Tensor:
    return torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(0)) / 255


@pytest.mark.parametrize(
    ("value", "bits"),
    [(0.0, "1000000000"), (0.13, "1100000000"), (0.66, "1111111000"), (0.92, "1111111111"), (1.0, "1111111111")],
)
def test_by_hand(value, bits):
    found = Thermometer(10)(torch.tensor(value).view(1, 1, 1, 1))
    assert found.shape == (1, 10, 1, 1)
    assert "".join(str(int(bit)) for bit in found.flatten()) == bits


@pytest.mark.parametrize("shape", [(2, 3, 5, 7), (1, 1, 1, 1), (3, 2, 4, 4)])
def test_every_value_in_whole_numbers(shape):
    """Bit k of grey level g is on where 255 k < levels · g."""
    images, levels = _images(*shape), 16
    grey = (images * 255).round().long()
    expected = torch.stack([(255 * k < levels * grey) | (k == 0) for k in range(levels)], 2)
    found = Thermometer(levels)(images)
    assert found.shape == (shape[0], shape[1] * levels, *shape[2:])
    assert torch.equal(found, expected.flatten(1, 2).float())


def test_the_stand_in_is_on_where_the_bits_are_and_has_gradients():
    images = _images(2, 3, 4, 4).clamp(min=0.01).requires_grad_()
    near, exact = Thermometer().stand_in(images), Thermometer()(images)
    assert torch.equal(near > 0, exact > 0)
    (gradient,) = torch.autograd.grad(near.sum(), images)
    assert torch.equal(gradient, exact.view(2, 3, 16, 4, 4).sum(2))


def test_a_model_that_expects_it():
    torch.manual_seed(0)
    model = TorchClassifier(nn.Sequential(nn.Conv2d(48, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()), kind="logits")
    defended = defend(model, "median+thermometer")
    images = _images(4, 3, 8, 8)
    assert torch.equal(defended.scores(images), model.scores(Thermometer()(MedianFilter()(images))))
    assert not defended.differentiable


def test_a_model_that_does_not():
    text = (
        r"thermometer\(16\) turns 3×32×32 \(C×H×W\) into 48×32×32, which the model zoo:lenet cannot take; use it with"
    )
    with pytest.raises(ModelError, match=text):
        defend(load_model("zoo:lenet"), "thermometer").scores(_images(2, 3, 32, 32))


@pytest.mark.parametrize("spec", ["thermometer+smooth", "jpeg+thermometer(8)+tvm", "thermometer+thermometer"])
def test_no_other_step_comes_after_it(spec):
    with pytest.raises(InputError, match=r"gives no images, so .* cannot follow it; put thermometer.* last"):
        parse_defence(spec)


def test_a_defence_that_shrinks_images_is_refused():
    class Half:
        name = spec = "half"
        differentiable = True

        def __call__(self, images):
            return images[:, :, ::2]

    model = TorchClassifier(nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()), kind="logits")
    with pytest.raises(InputError, match=r"half \+ half makes images of 3×2×8 \(C×H×W\) out of 3×8×8; one that keeps"):
        PreprocessedClassifier(model, Chain((Half(), Half()))).scores(_images(1, 3, 8, 8))


@pytest.mark.parametrize("levels", [1, 257])
def test_numbers_out_of_range(levels):
    with pytest.raises(InputError, match=f"2 to 256 levels was expected, not {levels}"):
        Thermometer(levels)


def test_against_art():
    art = pytest.importorskip("art.defences.preprocessor")
    images = _images(2, 3, 6, 6)
    theirs, _ = art.ThermometerEncoding((0, 1), num_space=16)(images.permute(0, 2, 3, 1).numpy().copy())
    assert torch.equal(Thermometer(16)(images), torch.from_numpy(np.ascontiguousarray(theirs)).permute(0, 3, 1, 2))
