"""torchvision's ResNet-50, trained on ImageNet, as a model for pixelproof.

    pip install torchvision
    pixelproof perturb --model examples/resnet50.py:resnet50 --trust-code --data folder:imagenet/val,size=224 --out run

It answers with the 1,000 classes of ImageNet in their sorted order, so the class folders must be all of them. For
another data set, as Imagenette's ten classes, replace its last layer and train that (``fine_tuned`` loads the result).
"""

import torch
from torch import nn


class Normalised(nn.Module):
    """A network that was trained on normalised images, for images in [0, 1]."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.network((images - self.mean) / self.std)


def resnet50() -> nn.Module:
    """With ImageNet's weights, which torchvision downloads."""
    from torchvision.models import ResNet50_Weights, resnet50

    return Normalised(resnet50(weights=ResNet50_Weights.DEFAULT)).eval()


def fine_tuned(weights: str = "resnet50-imagenette.pt", classes: int = 10) -> nn.Module:
    """With another last layer; ``weights`` is the state dict of this function's network after training."""
    from torchvision.models import resnet50

    network = resnet50()
    network.fc = nn.Linear(network.fc.in_features, classes)
    whole = Normalised(network)
    whole.load_state_dict(torch.load(weights, weights_only=True))
    return whole.eval()
