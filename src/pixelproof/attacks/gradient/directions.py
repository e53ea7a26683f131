"""Directions of unit length, in a norm, along which a linear function climbs fastest, or, in L1, sparsely falls.

Tramèr & Boneh, "Adversarial Training and Robustness for Multiple Perturbations", NeurIPS 2019 (section 3, sparse L1
descent): the steepest step of L1 moves one value only, and so wastes iterations.
"""

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


def sparse_descent(gradient: Tensor, images: Tensor, values: Tensor) -> Tensor:
    """Directions n×C×H×W of L1 length 1 that lower a loss of ``gradient``, moving ``values`` (n integers ≥ 1) evenly.

    The values moved are those of the largest gradient that the box [0, 1] still lets move from ``images``.
    """
    downhill = -gradient.flatten(1)
    here = images.flatten(1)
    stuck = ((here <= 0) & (downhill < 0)) | ((here >= 1) & (downhill > 0))
    size = downhill.abs().masked_fill(stuck, 0)
    order = size.sort(1, descending=True)
    chosen = torch.arange(size.shape[1], device=size.device) < values[:, None]
    moved = torch.zeros_like(size).scatter(1, order.indices, (chosen & (order.values > 0)).to(size.dtype))
    direction = moved * downhill.sign()
    return (direction / moved.sum(1, keepdim=True).clamp(min=1)).view_as(gradient)
