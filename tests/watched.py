"""Small classifiers whose behaviour is known, and what came of attacking them."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pixelproof.data import ImageSet, default_class_names
from pixelproof.engine import Engine, Outcome

CPU = torch.device("cpu")


class Watched:
    """A classifier that keeps the batch shapes it saw and the rows it answered."""

    name, kind, differentiable, fingerprint = "watched", "logits", False, "watched"

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        self.function = function
        self.shapes: set[tuple[int, ...]] = set()

    def scores(self, images: Tensor) -> Tensor:
        self.shapes.add(tuple(images.shape))
        with torch.inference_mode():
            return self.function(images)


def small_network(shape: tuple[int, int, int], classes: int, seed: int = 0, gain: float = 3.0) -> nn.Module:
    """A two-layer network with random weights, strong enough that one pixel can matter."""
    torch.manual_seed(seed)
    network = nn.Sequential(
        nn.Flatten(), nn.Linear(shape[0] * shape[1] * shape[2], 24), nn.ReLU(), nn.Linear(24, classes)
    )
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(gain)
    return network.eval()


def labelled_by(
    function: Callable[[Tensor], Tensor], shape: tuple[int, int, int], count: int, seed: int = 1
) -> ImageSet:
    """Random images with the labels that ``function`` gives them: everything is classified correctly."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, *shape), dtype=np.uint8)
    with torch.inference_mode():
        scores = function(torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255)
    return ImageSet(images, scores.argmax(1).numpy(), default_class_names(np.zeros(1, int), scores.shape[1]))


class Attacked:
    """What came of a run of the engine."""

    def __init__(self, engine: Engine, outcomes: list[Outcome]) -> None:
        self.engine, self.outcomes = engine, outcomes
        self.records = sorted((r for r, _ in outcomes), key=lambda r: (r.attack, r.threshold, r.sample))

    def comparable(self) -> list[Any]:
        """Everything but the timings."""
        return [replace(record, seconds=0.0) for record in self.records]


Attack = Callable[..., Attacked]
