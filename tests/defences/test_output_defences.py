"""What is told of probabilities: by hand, in closed form, and against ART's where that is installed."""

from __future__ import annotations

import pytest
import torch

from pixelproof.defences import HighConfidence, OutputNoise, ReverseSigmoid, Rounding, defend, parse_defence
from pixelproof.defences.output_defence import apply_outputs
from pixelproof.errors import InputError
from pixelproof.models import CallableClassifier, detect_kind, load_model
from pixelproof.models.scores import probabilities

IMAGE = torch.zeros(1, 1, 2, 2)


def _told(defence, *row: float) -> list[float]:
    return apply_outputs([defence], torch.tensor([row], dtype=torch.float64), IMAGE)[0].tolist()


def _random(rows: int = 50, classes: int = 10) -> torch.Tensor:
    logits = torch.randn(rows, classes, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 3
    return logits.softmax(1)


def _images(rows: int = 50) -> torch.Tensor:
    return torch.randint(0, 256, (rows, 3, 8, 8), generator=torch.Generator().manual_seed(1)) / 255


@pytest.mark.parametrize(
    ("defence", "row", "expected"),
    [
        (Rounding(2), (0.704, 0.196, 0.1), (0.7, 0.2, 0.1)),
        (Rounding(1), (0.96, 0.03, 0.01), (1, 0, 0)),
        (Rounding(1), (0.04,) * 25, (0.04,) * 25),  # all rounded to nothing
        (HighConfidence(0.9), (0.93, 0.06, 0.01), (0.93, 0.035, 0.035)),
        (HighConfidence(0.25), (0.5, 0.3, 0.15, 0.05), (0.5, 0.3, 0.1, 0.1)),
        (HighConfidence(0.9), (0.6, 0.4), (0.5, 0.5)),
        (HighConfidence(0.5), (0.5, 0.5), (0.5, 0.5)),  # all are told
        (ReverseSigmoid(1, 1), (0.9, 0.1), (0.5, 0.5)),  # s(s⁻¹(y)) = y, so ½ stays of each
        (ReverseSigmoid(0.5, 1), (0.9, 0.1), (0.7, 0.3)),
    ],
)
def test_by_hand(defence, row, expected):
    assert _told(defence, *row) == pytest.approx(expected, abs=2e-6)


@pytest.mark.parametrize("first", [0, 1, 2])
def test_a_tie_does_not_read_as_another_answer(first):
    row = [0.33, 0.33, 0.33]
    row[first] = 0.34
    for defence in (HighConfidence(0.9), Rounding(1)):
        found = torch.tensor(_told(defence, *row)).float()
        assert int(found.argmax()) == first
        assert float(found.amax() - found.amin()) < 2e-6


@pytest.mark.parametrize("classes", [2, 3, 100])
@pytest.mark.parametrize(
    "defence", [Rounding(2), HighConfidence(0.9), ReverseSigmoid(), OutputNoise(0.1), OutputNoise(1.0)]
)
def test_rows_stay_probabilities(defence, classes):
    found = apply_outputs([defence], _random(50, classes), _images()).float()
    assert detect_kind(found) == "probabilities"


@pytest.mark.parametrize("defence", [Rounding(1), Rounding(2), HighConfidence(0.9), HighConfidence(0.3)])
def test_the_answer_stays(defence):
    given = _random(2000)
    images = torch.zeros(2000, 1, 1, 1)
    assert torch.equal(apply_outputs([defence], given, images).float().argmax(1), given.argmax(1))


@pytest.mark.parametrize("gamma", [0.01, 0.1, 1.0])
def test_a_reverse_sigmoid_leaves_a_majority_in_first_place(gamma):
    given = _random(2000)
    given = given[given.amax(1) > 0.5]
    found = apply_outputs([ReverseSigmoid(1.0, gamma)], given, torch.zeros(len(given), 1, 1, 1))
    assert torch.equal(found.argmax(1), given.argmax(1))
    certain = torch.tensor([[1.0, 0.0, 0.0]], dtype=torch.float64)
    assert apply_outputs([ReverseSigmoid(1.0, gamma)], certain, IMAGE).argmax().item() == 0


def test_broken_scores_stay_broken():
    given = torch.tensor([[torch.nan, 0.5]], dtype=torch.float64)
    for defence in (Rounding(2), HighConfidence(0.9), ReverseSigmoid(), OutputNoise()):
        assert not apply_outputs([defence], given, IMAGE).isfinite().all()


def test_output_noise_follows_from_the_image_and_its_mean_is_nothing():
    images, given = _images(4000), torch.full((4000, 4), 0.25, dtype=torch.float64)
    noise = OutputNoise(0.05)(given, images) - given
    assert float(noise.std()) == pytest.approx(0.05, rel=0.03)
    assert noise.mean(0).abs().max() < 5 * 0.05 / 4000**0.5
    assert torch.equal(OutputNoise(0.05)(given[7:9], images[7:9]) - given[7:9], noise[7:9])
    assert not torch.equal(OutputNoise(0.05).with_seed(1)(given, images) - given, noise)


def test_a_classifier_behind_them_gives_probabilities():
    lenet, images = load_model("zoo:lenet"), _images(8).repeat(1, 1, 4, 4)
    defended = defend(lenet, "smooth+round(2)")
    assert (defended.kind, defended.kind_given, defended.differentiable) == ("probabilities", True, False)  # type: ignore[attr-defined]
    assert defended.name == "zoo:lenet + smooth(3) + round(2)"
    inner = probabilities(defend(lenet, "smooth").scores(images), "logits")
    found = defended.scores(images.requires_grad_())
    assert not found.requires_grad
    rounded = inner.round(decimals=2)
    assert torch.allclose(found.double(), rounded / rounded.sum(1, keepdim=True), atol=2e-6)
    assert lenet.kind == "logits"


def test_gradients_flow_through_those_that_have_some():
    lenet, images = load_model("zoo:lenet"), torch.full((2, 3, 32, 32), 0.5, requires_grad=True)
    for spec in ("reverse-sigmoid", "output-noise", "smooth+output-noise"):
        (gradient,) = torch.autograd.grad(defend(lenet, spec).scores(images)[:, 0].sum(), images)
        assert gradient.abs().sum() > 0
    assert not defend(lenet, "round").scores(images).requires_grad
    assert not defend(lenet, "high-confidence").scores(images).requires_grad


def test_a_kind_nobody_gave_is_found_out_before_the_scores_are_changed():
    inner = CallableClassifier(lambda x: torch.tensor([[0.96, 0.04]]).expand(len(x), 2))
    found = defend(inner, "round(1)").scores(torch.rand(3, 1, 4, 4))
    assert inner.kind == "probabilities"
    assert found.tolist() == [[1, 0]] * 3


def test_several_act_in_order():
    chain = parse_defence("reverse-sigmoid + round(2)")
    given = _random()
    one = apply_outputs(chain.outputs[:1], given, _images())  # type: ignore[attr-defined]
    assert torch.allclose(
        apply_outputs(chain.outputs, given, _images()),  # type: ignore[attr-defined]
        apply_outputs(chain.outputs[1:], one, _images()),  # type: ignore[attr-defined]
        atol=2e-6,  # type: ignore[attr-defined]
    )


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        (Rounding, {"decimals": 0}),
        (Rounding, {"decimals": 10}),
        (HighConfidence, {"cutoff": 0.0}),
        (HighConfidence, {"cutoff": 1.1}),
        (ReverseSigmoid, {"beta": 1.1}),
        (ReverseSigmoid, {"gamma": 0.0}),
        (OutputNoise, {"sigma": float("nan")}),
        (OutputNoise, {"seed": 2**63}),
    ],
)
def test_numbers_out_of_range(kind, wrong):
    with pytest.raises(InputError, match="was expected, not"):
        kind(**wrong)


def test_against_art():
    art = pytest.importorskip("art.defences.postprocessor")
    given, images = _random(), _images()
    rounded = torch.from_numpy(art.Rounded(2)(given.numpy()))
    assert torch.allclose(
        apply_outputs([Rounding(2)], given, images), rounded / rounded.sum(1, keepdim=True), atol=2e-6
    )
    bent = torch.from_numpy(art.ReverseSigmoid(1.0, 0.1)(given.numpy()))
    assert torch.allclose(apply_outputs([ReverseSigmoid()], given, images), bent, atol=2e-6)
    high = torch.from_numpy(art.HighConfidence(0.4)(given.numpy()))
    assert torch.allclose(torch.where(high > 0, HighConfidence(0.4)(given, images), 0), high)
