"""DenseNet-BC against its definition, written out once more over an explicit list of all maps so far."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from pixelproof.zoo.densenet import DenseNet


def _unlike_the_start(network):
    """Statistics and affine weights that are not those of a fresh normalisation."""
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for tensor in (module.weight.data, module.bias.data, module.running_mean):
                tensor.uniform_(-1, 1)
            module.running_var.uniform_(0.5, 2)
    return network.eval()


def _by_the_paper(network, x, layers):
    """The scores of ``network``, of which only the tensors are used, in the order in which they were registered."""
    tensors = iter([t for name, t in network.state_dict().items() if not name.endswith("num_batches_tracked")])
    mean, std = next(tensors), next(tensors)

    def normalised(maps):
        weight, bias, mean, variance = (next(tensors)[:, None, None] for _ in range(4))
        return (weight * (maps - mean) / (variance + 1e-5).sqrt() + bias).clamp(min=0)

    maps = [F.conv2d((x - mean) / std, next(tensors), padding=1)]
    for block in range(3):
        if block > 0:
            halved = F.conv2d(normalised(torch.cat(maps, 1)), next(tensors))
            n, channels, height, width = halved.shape
            maps = [halved.reshape(n, channels, height // 2, 2, width // 2, 2).mean((3, 5))]
        for _ in range(layers):
            a, b = normalised(torch.cat(maps, 1)), next(tensors)
            bottleneck = F.conv2d(a, b)
            a, b = normalised(bottleneck), next(tensors)
            maps.append(F.conv2d(a, b, padding=1))
    pooled = normalised(torch.cat(maps, 1)).mean((2, 3))
    return pooled @ next(tensors).T + next(tensors)


@pytest.mark.parametrize(("depth", "growth", "layers"), [(10, 4, 1), (22, 3, 3)])
def test_every_layer_sees_all_before_it(depth, growth, layers):
    torch.manual_seed(depth)
    network = _unlike_the_start(DenseNet(depth, growth, 5)).double()
    images = torch.rand(2, 3, 32, 32, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(network(images), _by_the_paper(network, images, layers), rtol=1e-9, atol=1e-9)


def test_the_maps_before_each_convolution():
    """24 maps at first, 12 more with each of 16 layers, halved in between: 216 → 108, 300 → 150, 342 at the end."""
    network = DenseNet(100, 12)
    wanted = [start + 12 * layer for start in (24, 108, 150) for layer in range(16)]
    seen = [m.conv1.in_channels for m in network.features if hasattr(m, "conv1")]
    assert seen == wanted
    assert network.head.in_features == 342


@pytest.mark.parametrize("depth", [4, 20, 101])
def test_a_densenet_has_6n_and_4_layers(depth):
    with pytest.raises(ValueError, match=f"6n \\+ 4.*not {depth}"):
        DenseNet(depth)
