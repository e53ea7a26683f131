"""What tests of nearest-image attacks share: distances to boundaries known beforehand, and a network that is learnt."""

from __future__ import annotations

from functools import cache
from itertools import combinations
from typing import Literal

import torch
from scipy.optimize import linprog
from torch import Tensor, nn

from pixelproof.models import TorchClassifier

NORMS: tuple[Literal["l2", "linf"], ...] = ("l2", "linf")


def lengths(changed: Tensor, images: Tensor, norm: str) -> Tensor:
    return torch.linalg.vector_norm((changed - images).flatten(1), {"l2": 2, "linf": torch.inf}[norm], dim=1)


def nearest_boundary(model: TorchClassifier, images: Tensor, norm: str) -> Tensor:
    """The distance of each image to the nearest other class of a linear model: |margin| over the dual norm."""
    weight, scores = model.module[1].weight.detach(), model.scores(images)
    label = scores.argmax(1)
    apart = weight[label][:, None] - weight[None]
    slope = torch.linalg.vector_norm(apart, {"l2": 2, "linf": 1}[norm], dim=2)
    distance = (scores.gather(1, label[:, None]) - scores) / slope
    return distance.scatter(1, label[:, None], torch.inf).amin(1)


def nearest_target(model: TorchClassifier, image: Tensor, target: int, norm: str) -> float:
    """The distance of one image C×H×W to where ``target`` is no less likely than any other class of a linear model."""
    weight, scores = model.module[1].weight.detach().double(), model.scores(image[None])[0].double()
    others = [k for k in range(len(weight)) if k != target]
    steep, lacking = weight[target] - weight[others], scores[others] - scores[target]  # steep · δ ≥ lacking
    return _least_l2(steep, lacking) if norm == "l2" else _least_linf(steep, lacking)


def _least_l2(steep: Tensor, lacking: Tensor) -> float:
    """min ‖δ‖₂: on the right set of boundaries it is the least-norm solution of equations, so all sets are tried."""
    best = torch.inf
    for size in range(1, len(steep) + 1):
        for chosen in combinations(range(len(steep)), size):
            at = list(chosen)
            change = torch.linalg.pinv(steep[at]) @ lacking[at]
            if bool((steep @ change >= lacking - 1e-9).all()):
                best = min(best, float(change.norm()))
    return best


def _least_linf(steep: Tensor, lacking: Tensor) -> float:
    """min ‖δ‖∞, a linear programme in δ⁺, δ⁻ and their bound."""
    k, size = steep.shape
    reach = torch.cat([-steep, steep, torch.zeros(k, 1)], 1)
    eye = torch.eye(2 * size, dtype=torch.float64)
    rows = torch.cat([reach, torch.cat([eye, -torch.ones(2 * size, 1, dtype=torch.float64)], 1)])
    limits = torch.cat([-lacking, torch.zeros(2 * size, dtype=torch.float64)])
    cost = [0.0] * (2 * size) + [1.0]
    return float(linprog(cost, A_ub=rows.numpy(), b_ub=limits.numpy()).fun)


def nearest_whole_levels(model: TorchClassifier, image: Tensor) -> float:
    """The L2 distance of one image C×H×W to the other class, of two, of a linear model, in whole grey levels.

    Levels are taken one by one, first what lowers the margin most for what it adds to the squared length: 2k − 1 for
    the k-th level of a value.
    """
    scores = model.scores(image[None])[0]
    label = int(scores.argmax())
    slope = (model.module[1].weight[label] - model.module[1].weight[1 - label]).detach().abs().double() / 255
    margin = float(scores[label] - scores[1 - label])
    taken = torch.zeros_like(slope)
    while margin >= 0:
        best = int((slope / (2 * taken + 1)).argmax())
        taken[best] += 1
        margin -= float(slope[best])
    return float(taken.norm()) / 255


@cache
def learnt_network(seed: int = 0) -> tuple[TorchClassifier, Tensor]:
    """A small network that tells which quarter of a noisy image is brightest, and 12 images that it gets right."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(8, 8, 3, 2, 1),
            nn.Tanh(),
            nn.Flatten(),
            nn.Linear(128, 4),
        )
        optimizer = torch.optim.Adam(module.parameters(), 0.01)
        for _ in range(80):
            images, labels = _quarters(64)
            optimizer.zero_grad()
            nn.functional.cross_entropy(module(images), labels).backward()
            optimizer.step()
        images, labels = _quarters(40)
    model = TorchClassifier(module.eval(), kind="logits")
    return model, images[model.scores(images).argmax(1) == labels][:12].clone()


def _quarters(samples: int) -> tuple[Tensor, Tensor]:
    labels = torch.randint(4, (samples,))
    bright = nn.functional.one_hot(labels, 4).view(-1, 1, 2, 2).float()
    images = 0.35 + 0.15 * nn.functional.interpolate(bright, scale_factor=4) + 0.15 * torch.randn(samples, 3, 8, 8)
    return (images.clamp(0, 1) * 255).round() / 255, labels
