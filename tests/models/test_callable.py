"""Any callable as a classifier, and what may be wrapped."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pixelproof.errors import ModelError
from pixelproof.models import CallableClassifier, Classifier, TorchClassifier, wrap_model

IMAGES = torch.rand(4, 3, 5, 5, generator=torch.Generator().manual_seed(0))
EXPECTED = IMAGES.mean((2, 3))


@pytest.mark.parametrize(
    "convert",
    [lambda t: t, Tensor.numpy, lambda t: t.numpy().astype(np.float64), Tensor.tolist, list, Tensor.double],
    ids=["tensor", "array", "float64 array", "nested lists", "list of tensors", "float64 tensor"],
)
def test_every_form_of_answer(convert):
    model = wrap_model(lambda images: convert(images.mean((2, 3))))
    scores = model.scores(IMAGES)
    assert scores.dtype == torch.float32
    assert torch.allclose(scores, EXPECTED)


def test_whole_numbers_are_taken():
    one_hot = wrap_model(lambda images: np.eye(3, dtype=int)[[0, 1, 2, 0]]).scores(IMAGES)
    assert one_hot.tolist()[1] == [0, 1, 0]


def test_the_function_gets_a_fresh_contiguous_cpu_tensor():
    seen = []

    def function(images):
        seen.append((type(images), images.dtype, images.is_contiguous(), images.requires_grad))
        images.numpy()[:] = 0
        return images.mean((2, 3)) + 1

    images = IMAGES.contiguous(memory_format=torch.channels_last).requires_grad_()
    scores = CallableClassifier(function).scores(images)
    assert seen == [(Tensor, torch.float32, True, False)]
    assert torch.equal(images, IMAGES)
    assert not scores.requires_grad


def test_no_gradients_are_kept_inside():
    weights = torch.ones(3, requires_grad=True)
    assert not wrap_model(lambda images: images.mean((2, 3)) * weights).scores(IMAGES).requires_grad


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ([[1.0, 2.0], [1.0]] * 2, "equal length"),
        (np.array([["a", "b"]] * 4), "<U1"),
        ([0.1, 0.2, 0.3], "shape 3;"),
        (np.zeros((3, 2)), "shape 3×2;"),
        ((np.zeros((4, 2)), 1), "tuple"),
        ("cat", "str"),
    ],
)
def test_wrong_answers(answer, words):
    with pytest.raises(ModelError, match=words):
        wrap_model(lambda images: answer, name="f").scores(IMAGES)


def test_a_failing_function_is_named():
    def broken(images):
        raise ValueError("no route\nto host")

    with pytest.raises(ModelError, match=r"broken failed on 4 images of shape 3×5×5 .*ValueError: no route;"):
        wrap_model(broken).scores(IMAGES)


def test_fingerprint_tells_sources_apart():
    def first(images):
        return images.mean((2, 3))

    def second(images):
        return images.sum((2, 3))

    class Remote:
        def __call__(self, images):
            return images

    assert wrap_model(first).fingerprint == wrap_model(first).fingerprint
    assert wrap_model(first).fingerprint != wrap_model(second).fingerprint
    assert wrap_model(Remote()).fingerprint == wrap_model(Remote()).fingerprint
    assert wrap_model(torch.sigmoid).fingerprint  # no source to read
    assert CallableClassifier(first, fingerprint="v3").fingerprint == "v3"


def test_wrap_model_chooses_the_adapter():
    net = nn.Sequential(nn.Flatten(), nn.Linear(75, 3))
    wrapped = wrap_model(net, name="mine", kind="probabilities")
    assert isinstance(wrapped, TorchClassifier)
    assert (wrapped.name, wrapped.kind) == ("mine", "probabilities")
    assert wrap_model(wrapped) is wrapped
    assert isinstance(wrap_model(len), CallableClassifier)
    assert wrap_model(len).name == "len"
    assert isinstance(wrap_model(len), Classifier)
    assert not hasattr(wrap_model(len), "at_precision")


def test_a_module_stays_where_it_is():
    net = nn.Sequential(nn.Flatten(), nn.Linear(75, 3))
    assert wrap_model(net, device=torch.device("cpu")).module is net  # type: ignore[attr-defined]
    moved = wrap_model(net, device=torch.device("meta")).module  # type: ignore[attr-defined]
    assert moved is not net
    assert net[1].weight.device.type == "cpu"


@pytest.mark.parametrize(
    ("model", "words"), [(nn.Linear, "Linear is a class"), (3, "int is no model"), (None, "NoneType")]
)
def test_what_is_no_model(model, words):
    with pytest.raises(ModelError, match=words):
        wrap_model(model)


def test_a_refused_connection_is_not_of_the_images_shape():
    def refused(_: Tensor) -> object:
        raise ConnectionRefusedError(111, "Connection refused")

    with pytest.raises(ModelError, match=r"ConnectionRefusedError.*, which comes from files or the network") as told:
        CallableClassifier(refused).scores(torch.rand(2, 3, 4, 4))
    assert "shape" not in str(told.value)
