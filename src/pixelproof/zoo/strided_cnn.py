"""A small convolutional network that can be proved: large strides instead of pooling, three rectified layers."""

from torch import Tensor, nn

from pixelproof.zoo.layers import CIFAR10_MEAN, CIFAR10_STD, Normalise
from pixelproof.zoo.recipe import Recipe

RECIPE = Recipe(epochs=40, max_learning_rate=0.1, weight_decay=5e-4, pixels=8)


class StridedCNN(nn.Module):
    """Convolutions 5×5, 5×5 and 3×3 of stride 2 to 32, 48 and 64 maps, and a full layer; 79,130 parameters.

    Every layer halves the picture, so that one pixel reaches few neurons, and no maximum loosens a bound. It learns
    from images of which a few pixels are painted over, which costs it little and leaves one pixel less to say.

    Input: float32 N×3×32×32 in [0, 1]. Output: logits N×classes.
    """

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.normalise = Normalise(CIFAR10_MEAN, CIFAR10_STD)
        self.features = nn.Sequential(
            nn.Conv2d(3, 32, 5, 2, padding=2),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.Conv2d(32, 48, 5, 2, padding=2),
            nn.BatchNorm2d(48),
            nn.ReLU(),
            nn.Conv2d(48, 64, 3, 2, padding=1),
            nn.BatchNorm2d(64),
            nn.ReLU(),
        )
        self.classifier = nn.Sequential(nn.Flatten(), nn.Linear(1024, classes))

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.features(self.normalise(x)))
        return logits
