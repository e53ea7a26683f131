"""CIFAR ResNets (He, Zhang, Ren & Sun, 2016, section 4.2): 6n + 2 layers with parameter-free (option A) shortcuts."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pixelproof.zoo.layers import CIFAR10_MEAN, CIFAR10_STD, Normalise, draw_convolutions
from pixelproof.zoo.recipe import Recipe

RECIPE = Recipe(epochs=45, max_learning_rate=0.2, weight_decay=5e-4)


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions around an identity that is subsampled and zero-padded where the shape changes."""

    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels_out)
        self.stride, self.extra = stride, channels_out - channels_in

    def forward(self, x: Tensor) -> Tensor:
        out = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        if self.stride > 1 or self.extra:
            before = self.extra // 2
            x = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, before, self.extra - before))
        return torch.relu(out + x)


class CifarResNet(nn.Module):
    """ResNet of depth 6n + 2 with widths 16, 32, 64; depth 20 has 269,722 parameters for 10 classes.

    Input: float32 N×3×H×W in [0, 1], or N×1×H×W, taken as three equal colours; the paper's is 32×32. Output: logits
    N×classes.
    """

    def __init__(self, depth: int = 20, classes: int = 10) -> None:
        super().__init__()
        blocks, rest = divmod(depth - 2, 6)
        if rest or blocks < 1:
            raise ValueError(f"A CIFAR ResNet's depth is 6n + 2 (20, 32, 44, …), not {depth}.")
        self.normalise = Normalise(CIFAR10_MEAN, CIFAR10_STD)
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU())
        shapes = [(16, 16, 1), (16, 32, 2), (32, 64, 2)]
        self.blocks = nn.Sequential(
            *(
                ResidualBlock(c_in if k == 0 else c_out, c_out, stride if k == 0 else 1)
                for c_in, c_out, stride in shapes
                for k in range(blocks)
            )
        )
        self.head = nn.Linear(64, classes)
        draw_convolutions(self, "fan_out")

    def forward(self, x: Tensor) -> Tensor:
        coloured = x.expand(-1, 3, -1, -1)
        logits: Tensor = self.head(self.blocks(self.stem(self.normalise(coloured))).mean((2, 3)))
        return logits
