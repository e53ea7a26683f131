"""Images that fool one network, made so that they fool others too.

Dong et al., "Boosting Adversarial Attacks with Momentum", CVPR 2018, algorithm 1 (MI-FGSM); with varied inputs, Xie et
al., "Improving Transferability of Adversarial Examples with Input Diversity", CVPR 2019.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from pixelproof.attacks.goal import Goal, LossName
from pixelproof.attacks.gradient.directions import sparse_descent, steepest
from pixelproof.attacks.norm_ball import Norm, NormBall

ITERATIONS = 30
_STEPS_ACROSS = 8  # that lead from the middle of the ball to its edge
_L1_SHARE = 0.01  # of the channel values, moved by a step in L1
_SHIFT, _NOISE = 2, 0.02  # by which varied inputs are moved, in pixels, and their noise


@dataclass(frozen=True)
class Momentum:
    """``decay`` μ is the weight of earlier gradients, 0 being plain PGD; ``varied``: flipped, shifted and noisy inputs.

    Every image takes all iterations, since what only just fools one network fools no other.
    """

    name: str
    loss: LossName
    decay: float
    varied: bool = False

    def __call__(
        self, network: Callable[[Tensor], Tensor], clean: Tensor, goal: Goal, budget: NormBall, numbers: torch.Generator
    ) -> Tensor:
        """8-bit images within ``budget`` of ``clean`` N×C×H×W in [0, 1] that ``network``, giving logits, mistakes."""
        now, velocity = clean, torch.zeros_like(clean)
        length = budget.epsilon / _STEPS_ACROSS / 255
        for _ in range(ITERATIONS):
            seen = now.detach().requires_grad_()
            shown = _varied(seen, numbers) if self.varied else seen
            (gradient,) = torch.autograd.grad(goal.loss(self.loss, network(shown)).sum(), seen)
            size = gradient.abs().mean((1, 2, 3), keepdim=True).clamp(min=1e-20)
            velocity = self.decay * velocity + gradient / size
            now = budget.project(now + length * _downhill(velocity, now, budget.norm), clean)
        return budget.to_8_bit(now, clean)


def _varied(images: Tensor, numbers: torch.Generator) -> Tensor:
    """All images shifted and flipped alike, with noise of their own."""
    down, across, flip = torch.randint(2 * _SHIFT + 1, (3,), generator=numbers).tolist()
    moved = images.roll((down - _SHIFT, across - _SHIFT), (2, 3))
    moved = moved.flip(3) if flip > _SHIFT else moved
    return moved + _NOISE * torch.randn(images.shape, generator=numbers).to(images.device)


def _downhill(gradient: Tensor, images: Tensor, norm: Norm) -> Tensor:
    if norm != "l1":
        return -steepest(gradient, norm)
    values = max(1, round(_L1_SHARE * gradient[0].numel()))
    return sparse_descent(gradient, images, torch.full((len(gradient),), values, device=gradient.device))
