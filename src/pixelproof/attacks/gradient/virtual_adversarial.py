"""Virtual adversarial direction: where the answered distribution changes fastest, whatever the label.

Miyato, Maeda, Koyama, Nakae & Ishii, "Distributional Smoothing with Virtual Adversarial Training", ICLR 2016, section
3.3; Miyato, Maeda, Koyama & Ishii, "Virtual Adversarial Training", IEEE TPAMI 2018, section 3.3.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from pixelproof.attacks.attack import BallAttack
from pixelproof.attacks.goal import Goal
from pixelproof.attacks.gradient.directions import steepest
from pixelproof.attacks.norm_ball import Norm
from pixelproof.attacks.oracle import Oracle
from pixelproof.errors import InputError
from pixelproof.seeds import Streams


@dataclass(frozen=True)
class VirtualAdversarial(BallAttack):
    """One step of length ``epsilon``, in grey levels of ``norm``, along the first eigenvector of the KL's Hessian.

    The eigenvector comes from ``iterations`` of the power method (the papers find 1 enough). Their finite difference
    ``xi`` is the root mean square change of a channel value, in grey levels: the papers' 1e-6 would vanish in 8-bit
    images. Two opposite steps are as good to second order; the one that helps more is kept.
    """

    name = "virtual-adversarial"
    positive = ("iterations", "xi")

    epsilon: float = 128
    norm: Norm = "l2"
    iterations: int = 3
    xi: float = 1

    def __call__(self, oracle: Oracle, images: Tensor, goal: Goal, streams: Streams) -> Tensor:
        if goal.targets is not None:
            raise InputError(
                "virtual-adversarial leads away from the answer, to no class in particular; use no target."
            )
        rows = goal.rows
        clean = oracle.log_scores(images, rows).log_softmax(1)
        direction = _unit(streams.normal(*images.shape[1:]))
        length = self.xi / 255 * images[0].numel() ** 0.5
        for _ in range(self.iterations):
            _, gradient = oracle.gradient(
                images + length * direction, rows, lambda s, part: _divergence(clean[part], s)
            )
            flat = (gradient == 0).flatten(1).all(1)[:, None, None, None]
            direction = torch.where(flat, direction, _unit(gradient))  # 2016, eq. 13
        step = steepest(direction, self.norm) * self.epsilon / 255
        there, opposite = (self.ball.project(images + sign * step, images) for sign in (1, -1))
        loss, other = (goal.loss("margin", oracle.log_scores(end, rows)) for end in (there, opposite))
        return torch.where((loss <= other)[:, None, None, None], there, opposite)


def _divergence(clean: Tensor, scores: Tensor) -> Tensor:
    """n values KL(p ‖ q), of log-probabilities log p n×K and log-scores n×K behind q."""
    return functional.kl_div(scores.log_softmax(1), clean, reduction="none", log_target=True).sum(1)


def _unit(change: Tensor) -> Tensor:
    """``change`` n×C×H×W with an L2 norm of 1; by way of its largest component, as its squares may underflow."""
    largest = change.abs().amax((1, 2, 3), keepdim=True)
    return steepest(change / largest.clamp(min=torch.finfo(change.dtype).tiny), "l2")
