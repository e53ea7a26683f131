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
    """With the classifier itself as the network that resembles it, for attacks that ask one."""
    return Oracle(classifier, batch_size, CPU, samples, eight_bit, surrogates=[classifier])


def answers(classifier: Classifier, images: Tensor) -> Tensor:
    return oracle(classifier, len(images)).labels(images, torch.arange(len(images)))


def run(
    attack: Attack, classifier: Classifier, images: Tensor, targets: Tensor | None = None, eight_bit: bool = False
) -> tuple[Tensor, Oracle]:
    """What ``attack`` makes of ``images``, labelled as the classifier answers; and the oracle that counted."""
    asked = oracle(classifier, len(images), eight_bit)
    goal = Goal(answers(classifier, images), targets)
    return attack(asked, images, goal, streams(len(images))), asked


def any_images(samples: int, shape: tuple[int, int, int] = (3, 8, 8), seed: int = 1) -> Tensor:
    """8-bit images of all grey levels, black and white among them, float32 in [0, 1]."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (samples, *shape), generator=generator) / 255


def fewest_pixels(model: TorchClassifier, images: Tensor) -> Tensor:
    """How many pixels must change until a linear model answers another class: N integers, exact.

    Towards each class a pixel gains most at that corner of its colour cube where the difference of the weights points,
    and gains add up; so the fewest pixels are those that gain most.
    """
    weight, scores = model.module[1].weight.detach().double(), model.scores(images).detach().double()
    label = scores.argmax(1)
    apart = (weight[None] - weight[label][:, None]).unflatten(2, images.shape[1:])  # N×K×C×H×W
    room = torch.where(apart > 0, 1 - images[:, None].double(), -images[:, None].double())
    gains = (apart * room).sum(2).flatten(2).sort(2, descending=True).values.cumsum(2)
    lacking = scores.gather(1, label[:, None]) - scores
    short = (gains <= lacking[:, :, None]).sum(2)  # of H·W, where all pixels are not enough
    return short.scatter(1, label[:, None], gains.shape[2]).amin(1) + 1
