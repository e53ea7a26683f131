"""All images within ``threshold`` grey levels of one: a single box, bounded forwards and, where it helps, backwards."""

from typing import Any

import torch
from torch import Tensor

from pixelproof.proofs.asking import Asked
from pixelproof.proofs.effort import Effort, GaveUp
from pixelproof.proofs.margins import Margins
from pixelproof.proofs.propagation import TooLarge
from pixelproof.proofs.zonotope import Zonotope


class Ball:
    """The proof for one image: it holds where the lowest margin's bound is above ``needed``."""

    looked_at = 1

    def __init__(self, margins: Margins, asked: Asked, needed: float, effort: Effort, threshold: int) -> None:
        self.margins, self.asked, self.needed = margins, asked, needed
        self.effort, self.threshold = effort, threshold
        self._closer: list[int] = []

    def prove(self) -> None:
        """Return where it is proved. Raises ``Broken`` or ``GaveUp``."""
        self._try_signs()
        try:
            bounds, self._closer = self.margins.in_box(ball(self.margins.image, self.threshold))
        except TooLarge as error:
            raise GaveUp("the symbols of the box would not fit in memory") from error
        if not float(bounds.min()) > self.needed:
            raise GaveUp(f"the bounds end at a margin of {float(bounds.min()):.3g}; {self.needed:.3g} is needed")

    def certificate(self) -> dict[str, Any]:
        """Which ReLUs a checker must bound more closely than a zonotope does, counted from 0."""
        return {"count": 1, "closer": self._closer}

    def _try_signs(self) -> None:
        """The corners against the slope of each margin at the image; searching is others' work."""
        image = self.margins.image
        with torch.enable_grad():
            unit = image[None].clone().requires_grad_()
            scores = self.margins.graph(unit)[0]
            others = [k for k in range(len(scores)) if k != self.asked.label]
            slopes = [
                torch.autograd.grad(scores[self.asked.label] - scores[k], unit, retain_graph=True)[0] for k in others
            ]
        levels = (image * 255).round() - self.threshold * torch.cat(slopes).sign()
        self.asked.margins(levels.clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1))


def ball(image: Tensor, threshold: int) -> Zonotope:
    """The images [max(0, x − th), min(255, x + th)], as differences from ``image`` C×H×W in [0, 1]; float64.

    Values are whole grey levels, so that images at the border of [0, 255] have their centre off the image.
    """
    levels = (image * 255).round()
    low, high = (levels - threshold).clamp_min(0) / 255, (levels + threshold).clamp_max(255) / 255
    half = ((high - low) / 2).flatten()
    return Zonotope((low + high)[None] / 2 - image, torch.diag(half).view(1, -1, *image.shape))
