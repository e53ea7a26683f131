"""What it takes to train a network of the zoo again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Recipe:
    """SGD with Nesterov momentum, or Adam, under a one-cycle learning rate (Smith & Topin, 2019).

    ``momentum`` is Adam's β₁. Images are flipped at random and cropped at random from ``padding`` pixels of zero
    border.
    """

    epochs: int
    batch_size: int = 128
    max_learning_rate: float = 0.2
    momentum: float = 0.9
    weight_decay: float = 5e-4
    warm_up: float = 0.25
    padding: int = 4
    flip: bool = True
    label_smoothing: float = 0.0
    optimiser: Literal["sgd", "adam"] = "sgd"
