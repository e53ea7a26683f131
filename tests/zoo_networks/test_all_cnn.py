"""All-CNN-C, layer by layer as in tables 1 and 2 of its paper."""

from __future__ import annotations

import torch
from torch import nn

from pixelproof.zoo.all_cnn import AllCNN


def test_the_convolutions_are_those_of_the_paper():
    convolutions = [each for each in AllCNN().modules() if isinstance(each, nn.Conv2d)]
    shapes = [(each.kernel_size[0], each.out_channels, each.stride[0]) for each in convolutions]
    assert shapes == [
        *[(3, 96, 1), (3, 96, 1), (3, 96, 2)],
        *[(3, 192, 1), (3, 192, 1), (3, 192, 2)],
        *[(3, 192, 1), (1, 192, 1), (1, 10, 1)],
    ]
    weights_and_biases = sum(each.weight.numel() + each.out_channels for each in convolutions)
    assert weights_and_biases == 1_369_738


def test_the_class_maps_are_averaged_over_6_by_6():
    network = AllCNN(4).eval()
    images = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        maps = network.head(network.features(network.normalise(images)))
        assert maps.shape == (2, 4, 6, 6)
        torch.testing.assert_close(network(images), maps.flatten(2).mean(2))


def test_dropout_as_published():
    rates = [each.p for each in AllCNN().modules() if isinstance(each, nn.Dropout)]
    assert rates == [0.2, 0.5, 0.5]
