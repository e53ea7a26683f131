"""Which networks can be bounded, and how the others are refused."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from pixelproof.proofs.bounds import Unprovable, prove_bounds, refusal
from pixelproof.proofs.graph import simplified
from pixelproof.proofs.layers import Convolution, MaxPool, ReLU
from pixelproof.proofs.reading import read_module
from pixelproof.zoo import registry
from prover_nets import NETWORKS, SIZE, built, picture


def with_layer(*layers: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 3), *layers, nn.Flatten(), nn.LazyLinear(3))
    network(torch.rand(2, SIZE[2], *SIZE[:2]))
    return network.eval()


@pytest.mark.parametrize("network", NETWORKS)
def test_the_graph_computes_what_the_network_does(network):
    module = built(network, 0)
    images = torch.rand(2, SIZE[2], *SIZE[:2], dtype=torch.float64)
    graph = read_module(module, SIZE)
    expected: Tensor = module.double()(images)
    torch.testing.assert_close(graph(images), expected)
    torch.testing.assert_close(simplified(graph)(images), expected)


@pytest.mark.parametrize("name", ["lenet", "nin", "resnet20", "preact-resnet20", "strided-cnn"])
def test_networks_of_the_zoo_are_known(name):
    assert refusal(registry.entry(name).build(10), registry.entry(name).shape) is None


def test_batch_norms_are_folded_and_maxima_come_before_relu():
    network = with_layer(nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2))
    layers = [node.layer for node in simplified(read_module(network, SIZE)).nodes]
    assert [type(layer) for layer in layers[:3]] == [Convolution, MaxPool, ReLU]


@pytest.mark.parametrize(
    ("network", "name"),
    [
        (with_layer(nn.GELU()), "1 (GELU)"),
        (with_layer(nn.Sequential(nn.ReLU(), nn.Sigmoid())), "1.1 (Sigmoid)"),
        (with_layer(nn.MaxPool2d(2, ceil_mode=True)), "1 (MaxPool2d)"),
        (with_layer(nn.AvgPool2d(2, padding=1, count_include_pad=False)), "1 (AvgPool2d)"),
        (with_layer(nn.BatchNorm2d(4, track_running_stats=False)), "1 (BatchNorm2d)"),
        (registry.entry("capsnet").build(10), "permute"),
    ],
)
def test_an_unknown_layer_is_refused_by_its_name(network, name):
    shape = SIZE if isinstance(network, nn.Sequential) else (32, 32, 3)
    sentence = refusal(network, shape)
    assert sentence is not None
    assert sentence.startswith(f"The layer {name} cannot be bounded; expected one of: convolution, ")
    assert sentence.endswith(".")
    with pytest.raises(Unprovable, match="cannot be bounded"):
        prove_bounds(network, picture(0, shape), 0, "few-pixel", 1, 1.0)


class Branching(nn.Module):
    def forward(self, x):
        return torch.flatten(x, 1) if x.sum() > 0 else -torch.flatten(x, 1)


class InPlace(nn.Module):
    """The sum reads what the ReLU has already overwritten."""

    def forward(self, x):
        x = x - 0.5
        return torch.flatten(torch.relu_(x) + x, 1)


class Products(nn.Module):
    def forward(self, x):
        return torch.flatten(x * x, 1)


class Divided(nn.Module):
    def forward(self, x):
        return torch.flatten(1 / (x + 1), 1)


class WithConstant(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("constant", torch.ones(3, 3, *SIZE[:2]))

    def forward(self, x):
        joined = torch.cat([x, self.get_buffer("constant")], 1)
        return torch.flatten(joined, 1)


@pytest.mark.parametrize(
    ("network", "why"),
    [
        (Branching(), "torch.fx cannot trace it"),
        (InPlace(), "its graph computes other scores"),
        (Products(), "The layer mul cannot"),
        (Divided(), "The layer truediv cannot"),
        (WithConstant(), "The layer cat cannot"),
        (nn.Identity(), "no table of scores"),
        (nn.Sequential(nn.Flatten(), nn.Linear(3 * SIZE[0] * SIZE[1], 1)), "no table of scores"),
    ],
)
def test_what_else_cannot_be_bounded(network, why):
    sentence = refusal(network, SIZE)
    assert sentence is not None
    assert why in sentence
    assert "expected" in sentence


@pytest.mark.parametrize(("constraint", "threshold"), [("few-pixel", 2), ("l2", 1)])
def test_other_constraints_are_refused(constraint, threshold):
    with pytest.raises(Unprovable, match=f"{constraint} at th = {threshold} cannot be bounded; expected"):
        prove_bounds(built(NETWORKS[0], 0), picture(0), 0, constraint, threshold, 1.0)


def test_the_module_is_left_as_it_was():
    module = built(NETWORKS[0], 0).train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    prove_bounds(module, picture(0), 0, "few-pixel", 1, 1.0)
    assert module.training
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert next(module.parameters()).requires_grad
