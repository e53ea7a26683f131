"""Every finding of the preflight provoked by a small model, and none by a good one.

The images are noise around one grey level a class; the base model answers with the nearest level.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pixelproof.data import ImageSet
from pixelproof.errors import ModelError
from pixelproof.jobs.preflight import Preflight, preflight
from pixelproof.models import TorchClassifier, wrap_model

CPU = torch.device("cpu")
LEVELS = torch.tensor([40, 100, 160, 220]) / 255
CIFAR_MEAN = torch.tensor([0.4914, 0.4822, 0.4465]).view(1, 3, 1, 1)
CIFAR_STD = torch.tensor([0.2470, 0.2435, 0.2616]).view(1, 3, 1, 1)


def _data(n: int = 120, channels: int = 3, names: int = 4, *, red_only: bool = False, marked: bool = False) -> ImageSet:
    rng = np.random.default_rng(0)
    labels = np.arange(n) % 4
    level = np.array([40, 100, 160, 220])[labels][:, None, None, None]
    images = np.clip(level + rng.integers(-15, 16, (n, 6, 6, channels)), 0, 255)
    if red_only:
        images[..., 1:] = rng.integers(0, 256, (n, 1, 1, 2))
    if marked:  # two pixels tell class 3 by their order, in whatever range
        images[:, 0, :2] = 128
        images[labels == 3, 0, 0], images[labels == 3, 0, 1] = 255, 0
    return ImageSet(images.astype(np.uint8), labels, tuple(f"class {k}" for k in range(names)))


def _nearest(images: Tensor, sharpness: float = 50.0) -> Tensor:
    return -sharpness * (images.mean((1, 2, 3))[:, None] - LEVELS) ** 2


def _check(model: object, data: ImageSet | None = None, **options: object) -> Preflight:
    classifier = wrap_model(model, name="model")
    return preflight(classifier, data or _data(), **{"batch_size": 16, "device": CPU, **options})


def _names(outcome: Preflight) -> list[str]:
    return [finding.name for finding in outcome.findings]


class Nearest(nn.Module):
    """The good model as a module."""

    def forward(self, x: Tensor) -> Tensor:
        return _nearest(x)


@pytest.mark.parametrize("model", [_nearest, Nearest().eval(), lambda x: _nearest(x).softmax(1)])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_good_model_gives_no_finding(model, channels):
    data = _data(channels=channels)
    outcome = _check(model, data)
    assert outcome.findings == ()
    assert (outcome.checked, outcome.right, outcome.classes) == (120, 120, 4)
    assert outcome.predictions.dtype == np.int64
    assert np.array_equal(outcome.predictions, data.labels)
    expected = _nearest(torch.from_numpy(data.images.copy()).permute(0, 3, 1, 2) / 255).double().softmax(1)
    assert np.allclose(outcome.confidences, expected.numpy()[np.arange(120), data.labels], atol=1e-5)
    assert outcome.confidences.dtype == np.float64


def test_the_model_always_sees_one_batch_shape():
    shapes = set()

    def model(images):
        shapes.add(tuple(images.shape))
        return _nearest(images / 255)

    with pytest.raises(ModelError):
        _check(model, batch_size=50)
    assert shapes == {(50, 3, 6, 6)}


def test_the_limit_and_the_batch_size_change_nothing_else():
    whole, part = _check(_nearest), _check(_nearest, limit=37, batch_size=64)
    assert part.checked == part.right == 37
    spread = np.linspace(0, len(whole.predictions) - 1, 37).astype(int)
    assert np.array_equal(part.predictions, whole.predictions[spread])
    assert np.allclose(part.confidences, whole.confidences[spread])


def test_a_kind_nobody_gave_is_settled():
    classifier = wrap_model(lambda x: _nearest(x).softmax(1))
    preflight(classifier, _data(), batch_size=16, device=CPU)
    assert (classifier.kind, classifier.kind_given) == ("probabilities", True)  # type: ignore[attr-defined]


# Refusals.


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_scores_that_are_not_finite(bad):
    def model(images):
        scores = _nearest(images)
        scores[images.mean((1, 2, 3)) > 0.75] = bad
        return scores

    with pytest.raises(ModelError, match="infinite scores for 30 of 120 images"):
        _check(model)


def test_too_few_classes():
    with pytest.raises(ModelError, match=r"scores 3 classes.*up to 3"):
        _check(lambda x: _nearest(x)[:, :3])


def test_constant_output():
    with pytest.raises(ModelError, match="same scores to all of 120"):
        _check(lambda x: torch.zeros(len(x), 4) + LEVELS)


def test_labels_right_about_images_of_one_class_are_not_called_constant():
    data = _data()
    first = data.take(np.flatnonzero(data.labels == 0))
    assert _names(_check(lambda x: torch.eye(4)[_nearest(x).argmax(1)], first)) == ["labels-only"]
    with pytest.raises(ModelError, match="same scores"):
        _check(lambda x: torch.eye(4)[torch.zeros(len(x), dtype=int)])  # type: ignore[call-overload]


def test_scores_that_are_not_of_the_kind_said():
    with pytest.raises(ModelError, match="said to give probabilities"):
        _check(wrap_model(_nearest, kind="probabilities"))


def test_wrong_shape_from_a_foreign_classifier():
    class Foreign:
        name, kind, differentiable, fingerprint = "foreign", "logits", False, "x"

        def scores(self, images: Tensor) -> Tensor:
            return images.mean((1, 2, 3))

    with pytest.raises(ModelError, match=r"foreign returned the shape 16;"):
        _check(Foreign())


def test_chance_is_refused():
    with pytest.raises(ModelError, match=r"30 of 120 images \(25\.0 %\), no better than chance.*labels are numbered"):
        _check(lambda x: _nearest(x) * 0.001 + torch.tensor([0, 0, 0, 1.0]))


def test_chance_on_few_images_is_a_warning():
    outcome = _check(lambda x: _nearest(x).flip(1), _data(12))
    assert "at-chance" in _names(outcome)


@pytest.mark.parametrize(
    ("model", "red_only", "words"),
    [
        (lambda x: _nearest(x * 0.5 + 0.5), False, "normalised with mean 0.5"),
        (lambda x: _nearest(x / 255), False, "values from 0 to 255: scale inside the model"),
        (lambda x: _nearest(x[:, 2:]), True, "blue before red"),
    ],
)
def test_chance_names_the_likely_reason(model, red_only, words):
    with pytest.raises(ModelError, match=f"no better than chance.*{words}.*100.0 % right"):
        _check(model, _data(red_only=red_only))


# Findings.


def _above_chance(change):
    """A model for values after ``change``, which knows class 3 by its mark in any range."""

    def model(images):
        scores = _nearest(change(images))
        scores[(images[:, :, 0, 0] > images[:, :, 0, 1]).all(1), 3] = 1.0
        return scores

    return model


@pytest.mark.parametrize(
    ("change", "name", "words"),
    [
        (lambda x: x / 255, "expects-0-255", "0 to 255"),
        (lambda x: x * CIFAR_STD + CIFAR_MEAN, "normalises-not", "CIFAR-10's"),
        (lambda x: (x - CIFAR_MEAN) / CIFAR_STD, "normalises-twice", "CIFAR-10's"),
        (lambda x: (x - 0.5) / 0.5, "normalises-twice", "mean 0.5"),
    ],
)
def test_a_better_value_range_is_named_though_above_chance(change, name, words):
    outcome = _check(_above_chance(change), _data(marked=True))
    assert outcome.right > 40
    assert name in _names(outcome)
    assert "low-accuracy" in _names(outcome)
    (hint,) = [finding for finding in outcome.findings if finding.name == name]
    assert words in hint.message
    assert "100.0 % right" in hint.message


def test_low_accuracy_has_its_numbers_and_gate():
    def model(images):
        scores = _nearest(images)
        scores[:, 2] -= 100
        return scores

    (finding,) = _check(model).findings
    assert finding.name == "low-accuracy"
    assert "90 of 120 images (75.0 %), below the 90 %" in finding.message
    assert _check(model, gate=0.7).findings == ()


def test_training_mode():
    module = Nearest().train()
    assert _names(_check(module)) == ["training-mode"]
    assert module.training


def test_more_classes_than_names():
    def model(x: Tensor) -> Tensor:
        return torch.cat([_nearest(x), torch.full((len(x), 996), -99.0)], 1)

    data = _data()
    named = ImageSet(data.images, data.labels, ("dark", "dim", "light", "bright"))
    outcome = _check(model, named)
    assert _names(outcome) == ["class-count"]
    assert "scores 1000 classes but the data name 4;" in outcome.findings[0].message
    assert outcome.classes == 1000
    assert _names(_check(model, data)) == []  # nobody named the classes: labels do not tell of those without an image


def test_scores_that_never_change_over_one_class():
    data = _data()
    first = data.take(np.flatnonzero(data.labels == 0))
    outcome = _check(wrap_model(lambda x: torch.tensor([[0.7, 0.1, 0.1, 0.1]]).repeat(len(x), 1)), first)
    assert _names(outcome) == ["constant-output"]
    assert "nothing about its robustness follows" in outcome.findings[0].message


def test_fewer_classes_than_names_but_labels_fit():
    assert _names(_check(_nearest, _data(names=10))) == ["class-count"]


@pytest.mark.parametrize("factor", [1e5, 1e4])
def test_saturated_softmax(factor):
    outcome = _check(lambda x: _nearest(x) * factor)
    assert _names(outcome) == ["saturated-softmax"]
    assert "--fitness confidence" in outcome.findings[0].message


def test_random_output():
    generator = torch.Generator().manual_seed(0)
    outcome = _check(lambda x: _nearest(x) + 0.01 * torch.rand(len(x), 4, generator=generator))
    assert _names(outcome) == ["random-output"]


def test_scores_that_depend_on_the_batch():
    weights = torch.linspace(1, 1.5, 16)[:, None]
    assert _names(_check(lambda x: _nearest(x) * weights)) == ["batch-dependent"]


def test_labels_only():
    assert _names(_check(lambda x: torch.eye(4)[_nearest(x).argmax(1)])) == ["labels-only"]


def test_probabilities_said_to_be_logits():
    assert _names(_check(wrap_model(lambda x: _nearest(x).softmax(1), kind="logits"))) == ["kind-mismatch"]


def test_low_precision():
    class Linear(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(1, 4)  # 2·50·level·mean − 50·level²: the nearest level without the common square
            self.head.weight.data = 100 * LEVELS[:, None]
            self.head.bias.data = -50 * LEVELS**2

        def forward(self, x: Tensor) -> Tensor:
            return self.head(x.mean((1, 2, 3))[:, None])

    assert _names(_check(Linear().eval())) == []
    assert _names(_check(Linear().eval().to(torch.bfloat16))) == ["low-precision"]
    assert _names(_check(TorchClassifier(Linear().eval()).at_precision(torch.bfloat16))) == ["low-precision"]


def test_every_finding_is_one_sentence_with_a_kebab_name():
    model = _above_chance(lambda x: x * CIFAR_STD + CIFAR_MEAN)
    data = _data(marked=True)
    named = ImageSet(data.images, data.labels, ("dark", "dim", "light", "bright"))
    outcome = _check(lambda x: torch.eye(7)[model(x).argmax(1)], named)
    assert len(outcome.findings) >= 4
    for finding in outcome.findings:
        assert finding.name == finding.name.lower()
        assert " " not in finding.name
        assert finding.message[0].isupper()
        assert finding.message.endswith(".")
        assert "\n" not in finding.message
