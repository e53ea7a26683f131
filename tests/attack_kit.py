"""What tests of attacks share: a linear classifier whose distances are known, and calls without a run."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pixelproof.attacks.attack import Attack
from pixelproof.attacks.goal import Goal
from pixelproof.attacks.oracle import Oracle
from pixelproof.models import Classifier, TorchClassifier
from pixelproof.seeds import Streams

CPU = torch.device("cpu")


def linear_classifier(shape: tuple[int, int, int] = (3, 8, 8), classes: int = 4, seed: int = 0) -> TorchClassifier:
    """Logits W·x + b of images C×H×W, with boundaries that pass through the middle of the unit cube."""
    size = shape[0] * shape[1] * shape[2]
    layer = nn.Linear(size, classes)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        layer.weight.copy_(torch.randn(classes, size, generator=generator) / size**0.5)
        layer.bias.copy_(-layer.weight.sum(1) / 2)
    return TorchClassifier(nn.Sequential(nn.Flatten(), layer), kind="logits")


def grey_images(samples: int, shape: tuple[int, int, int] = (3, 8, 8), seed: int = 1) -> Tensor:
    """8-bit images around grey, float32 in [0, 1], far from black and white so that clipping plays no part."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(102, 154, (samples, *shape), generator=generator) / 255


def streams(samples: int, seed: int = 2) -> Streams:
    return Streams([torch.Generator().manual_seed(seed * 1000 + k) for k in range(samples)], CPU)


def oracle(classifier: Classifier, samples: int, eight_bit: bool = False, batch_size: int = 64) -> Oracle:
    return Oracle(classifier, batch_size, CPU, samples, eight_bit)


def answers(classifier: Classifier, images: Tensor) -> Tensor:
    return oracle(classifier, len(images)).labels(images, torch.arange(len(images)))


def run(
    attack: Attack, classifier: Classifier, images: Tensor, targets: Tensor | None = None, eight_bit: bool = False
) -> tuple[Tensor, Oracle]:
    """What ``attack`` makes of ``images``, labelled as the classifier answers; and the oracle that counted."""
    asked = oracle(classifier, len(images), eight_bit)
    goal = Goal(answers(classifier, images), targets)
    return attack(asked, images, goal, streams(len(images))), asked
