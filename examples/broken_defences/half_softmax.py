"""Broken: a softmax in half precision, most of whose values are exactly 0 or 1, attacked as if these were logits.

Carlini & Wagner, "Towards Evaluating the Robustness of Neural Networks", S&P 2017, section V: a saturated softmax has
no gradient, and the layer before it has one.
"""

from __future__ import annotations

from network import network
from torch import Tensor, nn


class HalfSoftmax(nn.Module):
    """Probabilities in float16: rows sum to 1 within some 10⁻³."""

    def __init__(self, inner: nn.Module, sharpness: float) -> None:
        super().__init__()
        self.inner, self.sharpness = inner, sharpness

    def forward(self, images: Tensor) -> Tensor:
        scores: Tensor = self.inner(images)
        return (self.sharpness * scores).half().softmax(1)


def load(base: str = "resnet20") -> nn.Module:
    return HalfSoftmax(network(base), sharpness=3.0).eval()
