"""σ-zero: the image with the fewest changed pixels that fools.

Cinà, Villani, Pintor, Schönherr, Biggio & Pelillo, "σ-zero: Gradient-based Optimization of ℓ0-norm Adversarial
Examples", ICLR 2025 (arXiv:2402.01879), algorithm 1. The paper counts channel values; here pixels count, each once
however many of its channels change. So what the paper does to each value δᵢ is done to the channels δₚ of each pixel as
a group: δᵢ² becomes ‖δₚ‖₂² in the surrogate, d the number of pixels, and |δᵢ| < τ becomes ‖δₚ‖∞ < τ. Where there is one
channel, that is the paper's.
"""

from dataclasses import dataclass
from math import cos, pi

import torch
from torch import Tensor

from pixelproof.attacks.attack import Attack
from pixelproof.attacks.goal import Goal
from pixelproof.attacks.gradient.adam import Adam
from pixelproof.attacks.oracle import Oracle
from pixelproof.attacks.pixel_ball import changed_pixels
from pixelproof.errors import InputError
from pixelproof.seeds import Streams
from pixelproof.units import to_8_bit

#: The share of the first step length that is left in the end, as in the authors' code.
_LAST_STEP = 0.1


@dataclass(frozen=True)
class SigmaZero(Attack):
    """Fewest pixels by ``iterations`` steps down max(margin, 0) + Σₚ ‖δₚ‖₂² / (‖δₚ‖₂² + ``sigma``) / pixels.

    Lengths are in units of the whole grey scale. After each step, of a length that falls from ``step`` to a tenth of it
    along a cosine, pixels that no channel moves by τ are put back. τ begins at ``threshold`` and changes by
    ``adaptation`` of each step length: up while the image fools, down while it does not. Steps are Adam's, as in the
    authors' code; algorithm 1 has plain ones. A sample is done once no image could have fewer changed pixels.
    """

    name = "sigma-zero"
    nearest_in = "l0"
    positive = ("iterations", "sigma", "step", "adaptation")

    iterations: int = 1000
    sigma: float = 1e-3
    step: float = 1
    threshold: float = 0.3
    adaptation: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.threshold <= 1:
            raise InputError(f"sigma-zero needs a threshold from 0 to 1, the whole grey scale, not {self.threshold:g}.")

    def __call__(self, oracle: Oracle, images: Tensor, goal: Goal, streams: Streams) -> Tensor:
        best, fewest = images.clone(), torch.full_like(goal.labels, images[0, 0].numel() + 1)
        rows, change = goal.rows, torch.zeros_like(images)
        threshold, adam = images.new_full((len(images),), self.threshold), Adam(change)
        for k in range(self.iterations):
            clean = images[rows]
            moved = (clean + change).clamp(0, 1)
            shown = to_8_bit(moved) if oracle.eight_bit else moved
            scores, gradient = oracle.gradient(
                shown, rows, lambda s, part: goal.of(part).loss("margin", s).clamp(min=0)
            )
            fooled = goal.of(rows).reached(scores)
            pixels = changed_pixels(shown - clean)
            sparser = fooled & (pixels < fewest[rows])
            best[rows[sparser]], fewest[rows[sparser]] = shown[sparser], pixels[sparser]
            length = self._length(k)
            threshold = (threshold + self.adaptation * length * (2.0 * fooled - 1)).clamp(0, 1)
            change = change + adam(_normalised(gradient + _slope(change, self.sigma)), length)
            change = _projected((clean + change).clamp(0, 1) - clean, threshold)
            left = fewest[rows] > 1
            rows, change, threshold = rows[left], change[left], threshold[left]
            adam.keep(left)
            if not len(rows):
                break
        return best

    def _length(self, k: int) -> float:
        """η of the ``k``-th step, from 0."""
        return self.step * (_LAST_STEP + (1 - _LAST_STEP) * (1 + cos(pi * k / self.iterations)) / 2)


def _slope(change: Tensor, sigma: float) -> Tensor:
    """The gradient of Σₚ ‖δₚ‖₂² / (‖δₚ‖₂² + σ) / pixels at ``change`` n×C×H×W."""
    size = change.square().sum(1, keepdim=True)
    return 2 * sigma * change / (size + sigma).square() / size[0].numel()


def _normalised(gradient: Tensor) -> Tensor:
    """``gradient`` n×C×H×W over the largest of each sample's slopes."""
    return gradient / gradient.abs().amax((1, 2, 3), keepdim=True).clamp(min=1e-12)


def _projected(change: Tensor, threshold: Tensor) -> Tensor:
    """``change`` n×C×H×W without the pixels that no channel moves by ``threshold`` (n values): Π_τ."""
    far = change.abs().amax(1, keepdim=True) >= threshold[:, None, None, None]
    return change * far
