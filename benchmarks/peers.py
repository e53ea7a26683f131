"""The peers' attacks behind one face: a network, images and a threshold in, the images they return out."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from benchmarks.counting import FromBytes
from benchmarks.missing import optional

#: ``attack(network, images N×C×H×W in [0, 1], labels N, threshold)`` gives images of the same shape.
Attack = Callable[[nn.Module, Tensor, Tensor, int], Tensor]

BUDGET = 1_000


@dataclass(frozen=True)
class Peer:
    """One attack of a peer, at stated settings."""

    tool: str
    attack: str  # few-pixel or threshold: how its images are judged
    settings: str
    run: Attack
    package: str
    batched: bool = False  # takes many images at once; the others take one after the other anyhow
    bounded: bool = True  # keeps to a threshold
    images: int = 20  # that it gets: as many as its speed allows


def _art(name: str, strategy: int) -> Attack:
    def run(network: nn.Module, images: Tensor, labels: Tensor, threshold: int) -> Tensor:
        attacks, estimators = optional("art.attacks.evasion"), optional("art.estimators.classification")
        if strategy == 0:
            optional("cma")
        classifier = estimators.PyTorchClassifier(
            model=FromBytes(network),
            loss=nn.CrossEntropyLoss(),
            input_shape=tuple(images.shape[1:]),
            nb_classes=10,
            clip_values=(0.0, 255.0),  # its own advice: made for values of 0 to 255
            device_type="cpu",
        )
        attack = getattr(attacks, name)(classifier, th=threshold, es=strategy, verbose=False)
        found = attack.generate((images * 255).round().numpy(), labels.numpy())
        return torch.from_numpy(found) / 255

    return run


def _one_pixel(population: int, steps: int) -> Attack:
    def run(network: nn.Module, images: Tensor, labels: Tensor, threshold: int) -> Tensor:
        kind = optional("torchattacks").OnePixel
        found: Tensor = kind(network, pixels=threshold, popsize=population, steps=steps)(images, labels)
        return found

    return run


def _pixle(network: nn.Module, images: Tensor, labels: Tensor, threshold: int) -> Tensor:
    del threshold  # it has none
    found: Tensor = optional("torchattacks").Pixle(network)(images, labels)
    return found


def _pixle_of_pixels(network: nn.Module, images: Tensor, labels: Tensor, threshold: int) -> Tensor:
    kind = optional("torchattacks").Pixle
    attack = kind(
        network, x_dimensions=(1, 1), y_dimensions=(1, 1), restarts=threshold, max_iterations=BUDGET // (2 * threshold)
    )
    found: Tensor = attack(images, labels)
    return found


def _torchattacks_square(network: nn.Module, images: Tensor, labels: Tensor, threshold: int) -> Tensor:
    kind = optional("torchattacks").Square
    found: Tensor = kind(network, eps=threshold / 255, n_queries=BUDGET)(images, labels)
    return found


def _pyautoattack_square(network: nn.Module, images: Tensor, labels: Tensor, threshold: int) -> Tensor:
    kind = optional("pyautoattack.square").SquareAttack
    attack = kind(network, norm="Linf", eps=threshold / 255, n_queries=BUDGET, device="cpu")
    found: Tensor = attack.perturb(images, labels)
    return found


PEERS: dict[str, Peer] = {
    "art-pixel-de": Peer("ART PixelAttack, DE", "few-pixel", "its own, es=1", _art("PixelAttack", 1), "art", images=5),
    "art-pixel-cma": Peer(
        "ART PixelAttack, CMA-ES", "few-pixel", "its own, es=0", _art("PixelAttack", 0), "art", images=50
    ),
    "art-threshold-cma": Peer(
        "ART ThresholdAttack, CMA-ES", "threshold", "its own, es=0", _art("ThresholdAttack", 0), "art", images=5
    ),
    "art-threshold-de": Peer(
        "ART ThresholdAttack, DE", "threshold", "its own, es=1", _art("ThresholdAttack", 1), "art", images=1
    ),
    "torchattacks-onepixel": Peer(
        "torchattacks OnePixel", "few-pixel", "its own: popsize 10, 10 steps", _one_pixel(10, 10), "torchattacks"
    ),
    "torchattacks-onepixel-1000": Peer(
        "torchattacks OnePixel", "few-pixel", "popsize 50, 19 steps: 1,000 queries", _one_pixel(50, 19), "torchattacks"
    ),
    "torchattacks-pixle": Peer(
        "torchattacks Pixle", "few-pixel", "its own: any number of pixels", _pixle, "torchattacks", bounded=False
    ),
    "torchattacks-pixle-1000": Peer(
        "torchattacks Pixle",
        "few-pixel",
        "th patches of one pixel, 1,000 queries",  # it asks twice for each image it tries
        _pixle_of_pixels,
        "torchattacks",
    ),
    "torchattacks-square": Peer(
        "torchattacks Square",
        "threshold",
        "1,000 queries",
        _torchattacks_square,
        "torchattacks",
        batched=True,
        images=100,
    ),
    "pyautoattack-square": Peer(
        "pyautoattack Square",
        "threshold",
        "1,000 queries",
        _pyautoattack_square,
        "pyautoattack",
        batched=True,
        images=100,
    ),
}
