"""The direction of unit length, in a norm, along which a linear function climbs fastest."""

from __future__ import annotations

import torch
from torch import Tensor

from pixelproof.attacks.norm_ball import Norm


def steepest(gradient: Tensor, norm: Norm) -> Tensor:
    """Directions n×C×H×W of unit ``norm``, of ``gradient`` n×C×H×W: its sign, itself, or its largest component."""
    if norm == "linf":
        return gradient.sign()
    flat = gradient.flatten(1)
    if norm == "l2":
        length: Tensor = flat.norm(dim=1, keepdim=True)
        return (flat / length.clamp(min=1e-12)).view_as(gradient)
    largest = flat.abs().argmax(1, keepdim=True)
    return torch.zeros_like(flat).scatter(1, largest, flat.gather(1, largest).sign()).view_as(gradient)
