"""DenseNet-BC (Huang, Liu, van der Maaten & Weinberger, 2017): every layer sees the maps of all layers before it."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pixelproof.zoo.layers import CIFAR10_MEAN, CIFAR10_STD, Normalise, draw_convolutions
from pixelproof.zoo.recipe import Recipe

RECIPE = Recipe(epochs=40, max_learning_rate=0.2, weight_decay=2e-4)


class DenseLayer(nn.Module):
    """x_l = H([x_0, …, x_(l−1)]) (eq. 2) appended to its input: N×C×H×W → N×(C + growth)×H×W.

    H is a bottleneck: BN, ReLU, 1×1 convolution to 4 × growth maps; BN, ReLU, 3×3 convolution to ``growth`` maps.
    """

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, 4 * growth, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(4 * growth)
        self.conv2 = nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        new = self.conv2(torch.relu(self.bn2(self.conv1(torch.relu(self.bn1(x))))))
        return torch.cat([x, new], 1)


class Transition(nn.Module):
    """Between dense blocks: BN, ReLU, a 1×1 convolution to half of the maps (compression θ = 0.5), 2×2 averages."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(channels)
        self.conv = nn.Conv2d(channels, channels // 2, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(self.conv(torch.relu(self.bn(x))), 2)


class DenseNet(nn.Module):
    """DenseNet-BC of ``depth`` 6n + 4: three dense blocks of n layers, each of which adds ``growth`` maps.

    Depth 100 and growth 12: 769,162 parameters for 10 classes (table 2: 0.8 M).

    Input: float32 N×3×32×32 in [0, 1]. Output: logits N×classes.
    """

    def __init__(self, depth: int = 100, growth: int = 12, classes: int = 10) -> None:
        super().__init__()
        layers, rest = divmod(depth - 4, 6)
        if rest or layers < 1:
            raise ValueError(f"A DenseNet-BC's depth is 6n + 4 (10, 16, 22, …), not {depth}.")
        self.normalise = Normalise(CIFAR10_MEAN, CIFAR10_STD)
        channels = 2 * growth
        self.features = nn.Sequential(nn.Conv2d(3, channels, 3, padding=1, bias=False))
        for block in range(3):
            if block > 0:
                self.features.append(Transition(channels))
                channels //= 2
            for _ in range(layers):
                self.features.append(DenseLayer(channels, growth))
                channels += growth
        self.bn = nn.BatchNorm2d(channels)
        self.head = nn.Linear(channels, classes)
        draw_convolutions(self)

    def forward(self, x: Tensor) -> Tensor:
        features = torch.relu(self.bn(self.features(self.normalise(x))))
        logits: Tensor = self.head(features.mean((2, 3)))
        return logits
