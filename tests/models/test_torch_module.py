"""Torch modules as classifiers: nothing left changed, bit-equal in a constant batch."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import Tensor, nn

from pixelproof.errors import ModelError
from pixelproof.models import Classifier, TorchClassifier, wrap_model
from pixelproof.models.outputs import ModelMemoryError
from pixelproof.zoo.registry import ZOO

torch.set_num_threads(1)
CPU = torch.device("cpu")


def _images(n: int = 64, channels: int = 3, size: int = 32) -> Tensor:
    whole = torch.randint(0, 256, (n, channels, size, size), generator=torch.Generator().manual_seed(n))
    return whole.float().div(255)


def _net(seed: int = 0, *, dropout: float = 0.5) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(dropout), nn.Flatten(), nn.Linear(4 * 36, 5))


@pytest.fixture(scope="module")
def resnet20() -> nn.Module:
    torch.manual_seed(3)
    return ZOO["resnet20"].build(10).eval()


class Answering(nn.Module):
    """A module that answers whatever it was told to."""

    def __init__(self, answer) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, x: Tensor):
        return self.answer(x)


def test_is_a_classifier_with_float32_scores():
    model = wrap_model(_net(), device=CPU)
    assert isinstance(model, Classifier)
    scores = model.scores(_images(3, size=8))
    assert (scores.shape, scores.dtype, scores.requires_grad) == ((3, 5), torch.float32, False)
    assert model.kind == "logits"


def test_modes_are_left_as_found_and_answers_are_in_evaluation_mode():
    net, images = _net(), _images(4, size=8)
    net.eval()
    expected = net(images.contiguous(memory_format=torch.channels_last)).detach()  # the layout has its last bits
    net.train()
    net[1].eval()  # a frozen batch norm within a module in training mode
    before = [each.training for each in net.modules()]
    running = net[1].running_mean.clone()
    model = TorchClassifier(net)
    assert model.was_training
    assert torch.equal(model.scores(images), expected)
    assert [each.training for each in net.modules()] == before
    net.eval()
    assert torch.equal(model.scores(images), expected)
    net.train()  # flipped between calls
    assert torch.equal(model.scores(images), expected)
    assert torch.equal(net[1].running_mean, running)
    assert all(each.training for each in net.modules())
    assert not TorchClassifier(net.eval()).was_training


def test_mode_is_put_back_after_a_failure():
    net = _net().train()
    with pytest.raises(ModelError):
        TorchClassifier(net).scores(_images(2, channels=1, size=8))
    assert all(each.training for each in net.modules())


def test_images_are_never_changed():
    images = _images(2, size=8).contiguous(memory_format=torch.channels_last)
    before = images.clone()
    TorchClassifier(Answering(lambda x: x.mul_(255).flatten(1)[:, :4])).scores(images)
    assert torch.equal(images, before)


def test_gradients_flow_when_asked_for():
    images = _images(2, size=8).requires_grad_()
    scores = TorchClassifier(_net()).scores(images)
    (gradient,) = torch.autograd.grad(scores[:, 0].sum(), images)
    assert gradient.abs().sum() > 0
    with torch.no_grad():
        assert not TorchClassifier(_net()).scores(images).requires_grad
    assert not TorchClassifier(_net(), differentiable=False).scores(images).requires_grad


@pytest.mark.slow
class Purified(nn.Module):
    """A step along a gradient of its own before it answers, as defences by purification at test time take."""

    def forward(self, images: Tensor) -> Tensor:
        with torch.enable_grad():
            seen = images.requires_grad_()
            (gradient,) = torch.autograd.grad(seen.square().sum(), seen)
        return (images - gradient).flatten(1)[:, :3]


def test_a_module_that_takes_gradients_of_its_own_can_be_asked():
    batch = torch.rand(2, 1, 2, 2)
    assert torch.allclose(wrap_model(Purified(), kind="logits").scores(batch), -batch.flatten(1)[:, :3])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_scores_are_bit_equal_at_any_position_and_with_any_neighbours(resnet20, dtype):
    model = TorchClassifier(resnet20)
    if dtype != torch.float32:
        model = model.at_precision(dtype)
    images = _images(64)
    reference = model.scores(images)
    shuffle = torch.randperm(64, generator=torch.Generator().manual_seed(1))
    assert torch.equal(model.scores(images[shuffle]), reference[shuffle])
    alone = images[17:18].expand(64, -1, -1, -1)
    assert torch.equal(model.scores(alone), reference[17:18].expand(64, -1))
    among_others = _images(65)[:64]
    among_others[40] = images[17]
    assert torch.equal(model.scores(among_others)[40], reference[17])


def test_at_precision_is_a_copy_close_to_the_original(resnet20):
    model = TorchClassifier(resnet20, kind="logits")
    lower = model.at_precision(torch.bfloat16)
    images = _images(8)
    exact, rounded = model.scores(images), lower.scores(images)
    assert rounded.dtype == torch.float32
    assert lower.dtype == torch.bfloat16
    assert not torch.equal(exact, rounded)
    assert torch.allclose(exact, rounded, atol=0.1 * float(exact.abs().max()))
    assert next(resnet20.parameters()).dtype == torch.float32
    assert lower.fingerprint != model.fingerprint
    assert lower.kind_given


@pytest.mark.slow
def test_a_compiled_module_is_taken_as_it_is(resnet20):
    """The backend that only traces needs no C++ compiler; what others make of a module differs in the last bits."""
    plain, compiled = wrap_model(resnet20), wrap_model(torch.compile(resnet20, backend="eager"))
    images = _images(4)
    assert torch.equal(compiled.scores(images), plain.scores(images))
    half = [model.at_precision(torch.bfloat16).scores(images) for model in (compiled, plain)]  # type: ignore[attr-defined]
    assert torch.equal(*half)
    assert torch.equal(compiled.scores(images), plain.scores(images))


def test_modules_of_other_precision_are_fed_their_own():
    scores = TorchClassifier(_net().double()).scores(_images(2, size=8))
    assert scores.dtype == torch.float32


def test_fingerprint_is_the_same_under_every_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before 2.13 a layer that normalises did not print that it has a bias; what else it prints counts."""
    first = TorchClassifier(_net()).fingerprint
    before = (
        "{num_features}, eps={eps}, momentum={momentum}, affine={affine}, track_running_stats={track_running_stats}"
    )
    for text, same in ((before, True), (before.replace("eps={eps}", "eps=0.1"), False)):
        monkeypatch.setattr(nn.BatchNorm2d, "extra_repr", lambda self, text=text: text.format(**vars(self)))
        assert (TorchClassifier(_net()).fingerprint == first) is same


def test_fingerprint_sees_weights_buffers_and_structure_but_not_layout():
    first = TorchClassifier(_net()).fingerprint
    assert TorchClassifier(_net()).fingerprint == first
    assert TorchClassifier(_net().train()).fingerprint == first
    assert TorchClassifier(_net().to(memory_format=torch.channels_last)).fingerprint == first  # type: ignore[call-overload]
    assert TorchClassifier(_net(1)).fingerprint != first
    assert TorchClassifier(_net(dropout=0.4)).fingerprint != first
    moved = _net()
    moved[1].running_mean += 1  # type: ignore[assignment]
    assert TorchClassifier(moved).fingerprint != first
    hidden = _net()
    hidden.register_buffer("mean", torch.ones(3), persistent=False)
    more = TorchClassifier(hidden).fingerprint
    hidden.mean += 1  # type: ignore[assignment]
    assert len({first, more, TorchClassifier(hidden).fingerprint}) == 3


@pytest.mark.slow
def test_fingerprint_is_the_same_in_another_process():
    code = (
        "import torch; from torch import nn; from pixelproof.models import TorchClassifier;"
        "torch.manual_seed(0); net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(144, 5));"
        "print(TorchClassifier(net).fingerprint)"
    )
    torch.manual_seed(0)
    here = TorchClassifier(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(144, 5))).fingerprint
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert there.strip() == here


def test_lazy_weights_are_refused():
    with pytest.raises(ModelError, match="no shape yet"):
        TorchClassifier(nn.Sequential(nn.Flatten(), nn.LazyLinear(3)))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda x: x, r"shape 2×3×8×8"),
        (lambda x: x.flatten(1)[:1, :4], r"shape 1×4;"),
        (lambda x: x.sum(), "single number"),
        (lambda x: (x.flatten(1), x), "returned a tuple.*logits tensor"),
        (lambda x: {"logits": x.flatten(1)}, "returned a dict.*logits tensor"),
        (lambda x: None, "NoneType"),
    ],
)
def test_wrong_answers_are_named_with_what_was_expected(answer, words):
    with pytest.raises(ModelError, match=words):
        TorchClassifier(Answering(answer), name="net").scores(_images(2, size=8))


def test_wrong_input_names_the_image_and_the_modules_own_words():
    with pytest.raises(ModelError, match=r"1×8×8 .*RuntimeError: .*channels") as caught:
        TorchClassifier(_net()).scores(_images(2, channels=1, size=8))
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert "\n" not in str(caught.value)


def test_out_of_memory_is_said_to_be_so_and_not_tried_again_in_another_layout():
    calls = 0

    def fail(x: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        raise torch.OutOfMemoryError

    with pytest.raises(ModelMemoryError, match="ran out of memory on 2 images"):
        TorchClassifier(Answering(fail)).scores(_images(2))
    assert calls == 1
