"""What it takes to train a network of the zoo again."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Recipe:
    """SGD with Nesterov momentum, or Adam, under a one-cycle learning rate (Smith & Topin, 2019).

    ``momentum`` is Adam's β₁. Images are flipped at random and cropped at random from ``padding`` pixels of zero
    border.

    Four fields harden the network. ``label_smoothing`` is the share of every label that is spread over all classes.
    ``noise`` is the standard deviation, in grey levels, of normal noise on every image (Gaussian augmentation).
    ``pixels`` random pixels of every image are painted in random corners of the colour cube.
    ``temperature`` other than 1 is defensive distillation (Papernot et al., 2016): logits are divided by it in the
    training of a teacher, and again of a student of the same kind that learns the teacher's probabilities instead of
    labels; what is kept is the student, whose logits are then taken as they are.
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
    noise: float = 0.0
    temperature: float = 1.0
    pixels: int = 0
