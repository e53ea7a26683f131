"""The network that every broken defence stands before: a bundled one, so that no defence owes anything to training."""

from __future__ import annotations

from torch import nn

from pixelproof.zoo import registry


def network(name: str = "resnet20") -> nn.Module:
    """The zoo's network of that ``name``, in evaluation mode, from images N×3×32×32 in [0, 1] to logits N×10."""
    return registry.load(name).eval()
