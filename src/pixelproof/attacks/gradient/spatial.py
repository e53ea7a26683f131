"""Spatially transformed images (stAdv): pixels are moved by a smooth flow, and none is recoloured.

Xiao, Zhu, Li, He, Liu & Song, "Spatially Transformed Adversarial Examples", ICLR 2018.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from pixelproof.attacks.attack import Attack
from pixelproof.attacks.goal import Goal
from pixelproof.attacks.oracle import Oracle
from pixelproof.corruptions.warp import warp
from pixelproof.seeds import Streams


@dataclass(frozen=True)
class Spatial(Attack):
    """The flow that lowers margin + ``tau`` × roughness (eqs. 2 to 4), followed until it fools.

    Gradient steps with momentum 0.9 in which the pixel that moves most moves ``step`` pixels, at most ``iterations``
    of them, where the paper uses L-BFGS. Its ``tau`` of 0.05 is for logits that are steep; on an adversarially trained
    network it holds nearly every image back, and 0.005 does not.
    """

    name = "spatial"
    positive = ("tau", "step", "iterations")

    tau: float = 0.005
    step: float = 0.1
    iterations: int = 100

    def __call__(self, oracle: Oracle, images: Tensor, goal: Goal, streams: Streams) -> Tensor:
        best, rows = images.clone(), goal.rows
        flow = images.new_zeros(len(images), *images.shape[2:], 2)
        momentum = torch.zeros_like(flow)
        for _ in range(self.iterations):
            moved = warp(images[rows], flow[rows], "border")
            scores, pull = oracle.gradient(moved, rows, lambda s, part: goal.of(part).loss("margin", s))
            best[rows] = moved
            going = ~goal.of(rows).reached(scores)
            if not going.any():
                break
            rows = rows[going]
            momentum[rows] = 0.9 * momentum[rows] + self._descent(images[rows], flow[rows], pull[going])
            length = momentum[rows].norm(dim=3).amax((1, 2)).clamp(min=1e-12)
            flow[rows] -= momentum[rows] * (self.step / length)[:, None, None, None]
        else:
            best[rows] = warp(images[rows], flow[rows], "border")
        return best

    def _descent(self, images: Tensor, flow: Tensor, pull: Tensor) -> Tensor:
        """The gradient n×H×W×2 of the objective in ``flow``, from that in the moved images, ``pull`` n×C×H×W."""
        with torch.enable_grad():
            flow = flow.requires_grad_()
            value = (warp(images, flow, "border") * pull).sum() + self.tau * roughness(flow).sum()
            return torch.autograd.grad(value, flow)[0]


def roughness(flow: Tensor) -> Tensor:
    """n sums, over every pixel and its four neighbours, of how far ``flow`` n×H×W×2 differs between the two (eq. 4)."""
    across, along = flow.diff(dim=2), flow.diff(dim=1)
    # Every pair of neighbours counts twice; the root has no slope at zero, where all flows begin.
    return 2 * sum((d.square().sum(3) + 1e-12).sqrt().sum((1, 2)) for d in (across, along))  # type: ignore[return-value]
