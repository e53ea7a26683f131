"""Shadow attack: changes as smooth and grey as a shadow, which people overlook though they are large.

Ghiasi, Shafahi & Goldstein, "Breaking Certified Defenses: Semantic Adversarial Examples with Spoofed Robustness
Certificates", ICLR 2020.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from pixelproof.attacks.attack import Attack
from pixelproof.attacks.goal import Goal, log_odds
from pixelproof.attacks.oracle import Oracle
from pixelproof.errors import InputError
from pixelproof.seeds import Streams


@dataclass(frozen=True)
class Shadow(Attack):
    """Gradient descent on cross-entropy + ``tv`` · variation + ``colour`` · mean + ``similarity`` · dissimilarity.

    At most ``iterations`` steps of ``step``, from the image itself, until it is fooled; shorter where a channel value
    would move more than ``longest`` grey levels at once, so that undefended networks are not changed more than they
    need. The paper tries all classes as targets when it has none; here the cross-entropy is then that of "any class but
    the label", which needs one descent. Its copies under Gaussian noise belong to its victims, smoothed classifiers,
    and are left to them.
    """

    name = "shadow"
    positive = ("step", "longest", "iterations")

    tv: float = 0.3
    colour: float = 1
    similarity: float = 0.5
    step: float = 0.1
    longest: float = 1
    iterations: int = 300

    def __post_init__(self) -> None:
        super().__post_init__()
        if not min(self.tv, self.colour, self.similarity) >= 0:
            raise InputError(
                "shadow needs the weights tv, colour and similarity to be at least 0, not "
                f"{self.tv:g}, {self.colour:g} and {self.similarity:g}."
            )

    def __call__(self, oracle: Oracle, images: Tensor, goal: Goal, streams: Streams) -> Tensor:
        best, rows, change = images.clone(), goal.rows, torch.zeros_like(images)
        for _ in range(self.iterations):
            tries = (images[rows] + change[rows]).clamp(0, 1)
            scores, pull = oracle.gradient(tries, rows, lambda s, part: functional.softplus(log_odds(goal.of(part), s)))
            best[rows] = tries
            going = ~goal.of(rows).reached(scores)
            rows = rows[going]
            if not len(rows):
                break
            slope = pull[going] + self._restraint(change[rows])
            longest = self.longest / 255 / slope.abs().amax((1, 2, 3), keepdim=True).clamp(min=1e-12)
            change[rows] -= slope * longest.clamp(max=self.step)
        else:
            best[rows] = (images[rows] + change[rows]).clamp(0, 1)
        return best

    def _restraint(self, change: Tensor) -> Tensor:
        """The gradient of the penalties at ``change`` n×C×H×W."""
        with torch.enable_grad():
            change = change.requires_grad_()
            penalty = (
                self.tv * variation(change)
                + self.colour * colour_mean(change)
                + self.similarity * dissimilarity(change)
            )
            return torch.autograd.grad(penalty.sum(), change)[0]


def variation(change: Tensor) -> Tensor:
    """n total variations of ``change`` n×C×H×W: the squares of all differences between neighbours.

    Squares, since a gradient step on absolute values never comes to rest where a change is flat.
    """
    return change.diff(dim=2).square().sum((1, 2, 3)) + change.diff(dim=3).square().sum((1, 2, 3))


def colour_mean(change: Tensor) -> Tensor:
    """n values C(δ) of ``change`` n×C×H×W: the squared length of the channels' mean absolute changes."""
    return change.abs().mean((2, 3)).square().sum(1)


def dissimilarity(change: Tensor) -> Tensor:
    """n values Dissim(δ) of ``change`` n×C×H×W: the length of all squared differences between two channels."""
    first, second = torch.combinations(torch.arange(change.shape[1]), 2).T
    squares = (change[:, first] - change[:, second]).square().flatten(1)
    # The root has no slope at zero, where every change begins.
    return (squares.square().sum(1) + 1e-24).sqrt()
