"""Pre-activation units and the two networks made of them."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from pixelproof.zoo.preact_resnet import PreactResNet, PreactUnit
from pixelproof.zoo.wide_resnet import WideResNet


def _parameters(stem, widths, units, classes=10):
    """Weights by the papers' tables: 3×3 convolutions, a 1×1 one where the width changes, two numbers a map in a BN."""
    total, channels = 9 * 3 * stem, stem
    for width in widths:
        for _ in range(units):
            total += 2 * channels + 9 * channels * width + 2 * width + 9 * width * width
            total += channels * width if channels != width else 0
            channels = width
    return total + 2 * channels + (channels + 1) * classes


def _count(network):
    return sum(each.numel() for each in network.parameters())


def test_the_counts_follow_from_the_widths():
    assert _count(PreactResNet()) == _parameters(64, (64, 128, 256, 512), 2) == 11_172_170
    assert _count(PreactResNet(stem=16, widths=(16, 32, 64), units=3)) == _parameters(16, (16, 32, 64), 3) == 272_282
    assert _count(PreactResNet(3, stem=4, widths=(4, 8), units=3)) == _parameters(4, (4, 8), 3, classes=3)


@pytest.mark.parametrize(
    ("depth", "k", "millions"),  # Zagoruyko & Komodakis, table 4
    [(40, 1, 0.6), (40, 2, 2.2), (40, 4, 8.9), (16, 8, 11.0), (22, 8, 17.2), (28, 10, 36.5)],
)
def test_the_counts_of_the_wide_resnet_paper(depth, k, millions):
    with torch.device("meta"):
        count = _count(WideResNet(depth, k))
    assert count == _parameters(16, (16 * k, 32 * k, 64 * k), (depth - 4) // 6)
    assert round(count / 1e6, 1) == millions


@pytest.mark.parametrize("depth", [4, 20, 101])
def test_a_wide_resnet_has_6n_and_4_layers(depth):
    with pytest.raises(ValueError, match=f"6n \\+ 4.*not {depth}"):
        WideResNet(depth, 1)


def _without_residual(channels_out, stride, *, first):
    unit = PreactUnit(4, channels_out, stride, first=first).eval()
    unit.bn1.running_mean.uniform_(-1, 1)
    torch.nn.init.zeros_(unit.conv2.weight)
    return unit


def test_what_passes_beside_a_unit():
    """The input itself; its activation in the first unit; a convolution of that where the shape changes."""
    x = torch.randn(2, 4, 8, 8)
    with torch.no_grad():
        unit = _without_residual(4, 1, first=False)
        assert torch.equal(unit(x), x)
        unit = _without_residual(4, 1, first=True)
        assert torch.equal(unit(x), unit.bn1(x).clamp(min=0))
        unit = _without_residual(6, 2, first=False)
        expected = F.conv2d(unit.bn1(x).clamp(min=0)[:, :, ::2, ::2], unit.shortcut.weight)
        torch.testing.assert_close(unit(x), expected)


def test_only_the_first_unit_shares_its_activation():
    kinds = [type(unit.shortcut).__name__ for unit in PreactResNet(stem=4, widths=(4, 8, 16)).units]
    assert kinds == ["Identity", "NoneType", "Conv2d", "NoneType", "Conv2d", "NoneType"]
    assert [type(unit.shortcut).__name__ for unit in WideResNet(10, 1).units] == ["Identity", "Conv2d", "Conv2d"]


def test_the_sizes_halve_between_groups():
    network = PreactResNet(stem=4, widths=(4, 8, 16, 32)).eval()
    with torch.no_grad():
        assert network.units(torch.zeros(1, 4, 32, 32)).shape == (1, 32, 4, 4)
