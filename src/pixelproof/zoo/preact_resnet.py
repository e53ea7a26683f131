"""Pre-activation ResNets ("Identity mappings in deep residual networks", He, Zhang, Ren & Sun, 2016), CIFAR form."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pixelproof.zoo.layers import CIFAR10_MEAN, CIFAR10_STD, Normalise, draw_convolutions
from pixelproof.zoo.recipe import Recipe

RECIPE = Recipe(epochs=30, max_learning_rate=0.2, weight_decay=5e-4)


class PreactUnit(nn.Module):
    """Normalise, rectify, convolve; twice; then add the input, untouched (fig. 4e, eq. 3).

    Where the shape changes, a 1×1 convolution of the activated input is added instead. In the ``first`` unit of a
    network the activated input itself is (appendix: the first activation comes before the paths split).
    """

    def __init__(self, channels_in: int, channels_out: int, stride: int, *, first: bool) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(channels_in)
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False)
        self.shortcut: nn.Module | None = nn.Identity() if first else None
        if stride > 1 or channels_in != channels_out:
            self.shortcut = nn.Conv2d(channels_in, channels_out, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        out = torch.relu(self.bn1(x))
        if self.shortcut is not None:
            x = self.shortcut(out)
        residual: Tensor = self.conv2(torch.relu(self.bn2(self.conv1(out))))
        return x + residual


class PreactResNet(nn.Module):
    """A 3×3 convolution to ``stem`` maps, then for each of ``widths`` so many ``units``, halving the size in between.

    ``PreactResNet()`` is PreAct-ResNet-18 as usual on CIFAR-10; 11,172,170 parameters for 10 classes.

    Input: float32 N×3×32×32 in [0, 1]. Output: logits N×classes.
    """

    def __init__(
        self, classes: int = 10, *, stem: int = 64, widths: Sequence[int] = (64, 128, 256, 512), units: int = 2
    ) -> None:
        super().__init__()
        self.normalise = Normalise(CIFAR10_MEAN, CIFAR10_STD)
        self.stem = nn.Conv2d(3, stem, 3, padding=1, bias=False)
        self.units = nn.Sequential()
        channels = stem
        for group, width in enumerate(widths):
            for k in range(units):
                stride = 2 if group > 0 and k == 0 else 1
                self.units.append(PreactUnit(channels, width, stride, first=group == k == 0))
                channels = width
        self.bn = nn.BatchNorm2d(channels)
        self.head = nn.Linear(channels, classes)
        draw_convolutions(self, "fan_out")

    def forward(self, x: Tensor) -> Tensor:
        features = torch.relu(self.bn(self.units(self.stem(self.normalise(x)))))
        logits: Tensor = self.head(features.mean((2, 3)))
        return logits
