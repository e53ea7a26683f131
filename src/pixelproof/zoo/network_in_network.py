"""Network in Network (Lin, Chen & Yan, 2014): every convolution is followed by a small perceptron at each position."""

from torch import Tensor, nn

from pixelproof.zoo.layers import CIFAR10_MEAN, CIFAR10_STD, Normalise, draw_convolutions
from pixelproof.zoo.recipe import Recipe

RECIPE = Recipe(epochs=16, max_learning_rate=0.2, weight_decay=5e-4)


class NetworkInNetwork(nn.Module):
    """Three mlpconv blocks of widths 192, 160, 96; 192 twice over; 192, 192, classes; then global average pooling.

    The convolutions have 966,986 weights and biases for 10 classes, as in the authors' CIFAR-10 network. Batch
    normalisation, which came a year later and trains it in 16 epochs instead of hundreds, takes the place of their
    biases in all but the last: 968,394 parameters. Dropout of one half after the first two blocks, as published.

    Input: float32 N×3×32×32 in [0, 1]. Output: logits N×classes.
    """

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.normalise = Normalise(CIFAR10_MEAN, CIFAR10_STD)
        self.features = nn.Sequential(
            *_mlpconv(3, (192, 160, 96), 5),
            nn.MaxPool2d(3, 2, padding=1),
            nn.Dropout(0.5),
            *_mlpconv(96, (192, 192, 192), 5),
            nn.AvgPool2d(3, 2, padding=1),
            nn.Dropout(0.5),
            *_mlpconv(192, (192, 192), 3),
        )
        self.head = nn.Conv2d(192, classes, 1)
        draw_convolutions(self)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.features(self.normalise(x))).mean((2, 3))
        return logits


def _mlpconv(channels_in: int, widths: tuple[int, ...], size: int) -> list[nn.Module]:
    """A convolution of ``size``×``size``, then 1×1 ones across the channels."""
    layers: list[nn.Module] = []
    for k, width in enumerate(widths):
        kernel = size if k == 0 else 1
        layers += [nn.Conv2d(channels_in, width, kernel, padding=kernel // 2, bias=False), nn.BatchNorm2d(width)]
        layers.append(nn.ReLU())
        channels_in = width
    return layers
