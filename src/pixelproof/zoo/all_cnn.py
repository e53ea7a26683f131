"""All-CNN-C (Springenberg, Dosovitskiy, Brox & Riedmiller, 2015): convolutions with strides in place of pooling."""

from torch import Tensor, nn

from pixelproof.zoo.layers import CIFAR10_MEAN, CIFAR10_STD, Normalise, draw_convolutions
from pixelproof.zoo.recipe import Recipe

RECIPE = Recipe(epochs=16, max_learning_rate=0.1, weight_decay=1e-3)


class AllCNN(nn.Module):
    """Nine convolutions (tables 1 and 2, column C) and the average of each class's 6×6 map.

    Dropout as published: one fifth of the input, one half after each stride. The convolutions have 1,369,738 weights
    and biases for 10 classes. Two departures: batch normalisation, which trains it in 16 epochs instead of 350, takes
    the place of their biases in all but the last (1,370,986 parameters), and the class maps are not rectified.

    Input: float32 N×3×32×32 in [0, 1]. Output: logits N×classes.
    """

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.normalise = Normalise(CIFAR10_MEAN, CIFAR10_STD)
        self.features = nn.Sequential(
            nn.Dropout(0.2),
            *_convolution(3, 96),
            *_convolution(96, 96),
            *_convolution(96, 96, stride=2),
            nn.Dropout(0.5),
            *_convolution(96, 192),
            *_convolution(192, 192),
            *_convolution(192, 192, stride=2),
            nn.Dropout(0.5),
            *_convolution(192, 192, padding=0),
            *_convolution(192, 192, size=1, padding=0),
        )
        self.head = nn.Conv2d(192, classes, 1)
        draw_convolutions(self)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.features(self.normalise(x))).mean((2, 3))
        return logits


def _convolution(channels_in: int, width: int, *, size: int = 3, stride: int = 1, padding: int = 1) -> list[nn.Module]:
    convolution = nn.Conv2d(channels_in, width, size, stride, padding, bias=False)
    return [convolution, nn.BatchNorm2d(width), nn.ReLU()]
