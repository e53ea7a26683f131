"""Folding changes how fast a module answers, and nothing else."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from pixelproof.models import TorchClassifier
from pixelproof.models.folded import folded
from pixelproof.zoo.registry import ZOO

torch.set_num_threads(1)


def _images(n: int = 4) -> Tensor:
    return torch.rand(n, 3, 32, 32, generator=torch.Generator().manual_seed(n))


def _trained(seed: int = 0) -> nn.Module:
    """Convolutions and normalisations with statistics that are not those of the start."""
    torch.manual_seed(seed)
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 4, 3), nn.BatchNorm2d(4),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 10),
    )  # fmt: skip
    network(_images(32))
    return network.eval()


def _norms(module: nn.Module) -> int:
    return sum(isinstance(each, nn.BatchNorm2d) for each in module.modules())


@pytest.mark.slow
def test_the_scores_stay_and_the_normalisations_go() -> None:
    for module in (_trained(), ZOO["resnet20"].build(10).eval()):
        copy = folded(module, _images())
        assert _norms(copy) == 0 < _norms(module)
        other = _images(9)
        torch.testing.assert_close(copy(other), module(other), rtol=1e-4, atol=1e-4)


class _Branching(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.network = _trained()

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x) if x.mean() > 0.5 else self.network(-x)


class _Noisy(_Branching):
    def forward(self, x: Tensor) -> Tensor:
        return self.network(x) + torch.randn(len(x), 10)


class _Pair(_Branching):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        return self.network(x), x


def _hooked() -> nn.Module:
    network = _trained()
    network.register_forward_pre_hook(lambda _, inputs: ((inputs[0] - 0.5) * 4,))  # a trace of the root leaves it out
    return network


@pytest.mark.parametrize("make", [_Branching, _Noisy, _Pair, _hooked])
def test_what_would_answer_otherwise_is_left_as_it_is(make) -> None:
    module = make().eval()
    assert folded(module, _images()) is module


def test_a_classifier_of_lower_precision_is_folded_and_close() -> None:
    module = _trained()
    classifier, images = TorchClassifier(module.train(), kind="logits"), _images(16)
    plain, fast = classifier.at_precision(torch.bfloat16), classifier.at_precision(torch.bfloat16, images[:4])
    assert (_norms(plain.module), _norms(fast.module), _norms(module)) == (2, 0, 2)
    exact = classifier.scores(images)
    errors = [float((model.scores(images) - exact).abs().max()) for model in (plain, fast)]
    assert max(errors) < 0.05 * float(exact.abs().max())
    assert module.training
