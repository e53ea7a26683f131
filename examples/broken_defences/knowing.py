"""What an attacker knows who has read a broken defence: which model to follow past it, and by which attack.

Tramèr, Carlini, Brendel & Madry, "On Adaptive Attacks to Adversarial Example Defenses", NeurIPS 2020: an attack is made
for one defence, and is simple once that is understood.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from pixelproof.defences.bpda import in_place_of


class Knowing(NamedTuple):
    """The attacks ``specs`` along the gradients of ``model``, whose images the audited model has to be fooled by.

    Norm and epsilon are the claim's. ``aims``: an attack leads to that many likeliest wrong classes, one after the
    other, in place of away from the label; ``draws``: gradients are means over that many answers (EOT).
    """

    model: nn.Module
    specs: tuple[str, ...] = ("apgd(iterations=100)", "apgd(loss=targeted-dlr,iterations=50)")
    aims: int = 0
    draws: int = 1


class Past(nn.Module):
    """``layer`` as it is forwards, and ``near`` (by default the identity) backwards: BPDA (Athalye et al., 2018)."""

    def __init__(self, layer: Callable[[Tensor], Tensor], near: Callable[[Tensor], Tensor] = lambda x: x) -> None:
        super().__init__()
        self.layer, self.near = layer, near

    def forward(self, images: Tensor) -> Tensor:
        with torch.no_grad():
            exact = self.layer(images.detach().clone())
        return in_place_of(self.near(images), exact)


class Unrejected(nn.Module):
    """Logits N×K of ``classifier``, with one more for "rejected", above all others where ``detector`` is above 0.

    Carlini & Wagner, "Adversarial Examples Are Not Easily Detected", AISec 2017, join the two so; an attack with a
    target then has to fool both.
    """

    def __init__(self, classifier: nn.Module, detector: Callable[[Tensor], Tensor], scale: float = 1.0) -> None:
        super().__init__()
        self.classifier, self.detector, self.scale = classifier, detector, scale

    def forward(self, images: Tensor) -> Tensor:
        scores = self.classifier(images)
        rejected = scores.amax(1) + self.scale * self.detector(images)
        return torch.cat([scores, rejected[:, None]], 1)
