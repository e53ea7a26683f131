"""LeNet-5 (LeCun, Bottou, Bengio & Haffner, 1998) for 32×32 colour images, with ReLU and max pooling."""

from torch import Tensor, nn

from pixelproof.zoo.layers import CIFAR10_MEAN, CIFAR10_STD, Normalise
from pixelproof.zoo.recipe import Recipe

RECIPE = Recipe(epochs=80, max_learning_rate=0.05, weight_decay=2e-4, batch_size=128, padding=2)


class LeNet(nn.Module):
    """Two 5×5 convolutions (6 and 16 maps) and three full layers; 62,006 parameters for 10 classes.

    Input: float32 N×3×32×32 in [0, 1]. Output: logits N×classes.
    """

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.normalise = Normalise(CIFAR10_MEAN, CIFAR10_STD)
        self.features = nn.Sequential(
            nn.Conv2d(3, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2)
        )
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Linear(400, 120),
            nn.ReLU(),
            nn.Linear(120, 84),
            nn.ReLU(),
            nn.Linear(84, classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.features(self.normalise(x)))
        return logits
