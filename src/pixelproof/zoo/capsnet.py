"""CapsNet (Sabour, Frosst & Hinton, 2017): capsules whose length says whether a thing is there, routed by agreement."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pixelproof.zoo.layers import CIFAR10_MEAN, CIFAR10_STD, Normalise
from pixelproof.zoo.recipe import Recipe

RECIPE = Recipe(epochs=20, max_learning_rate=1e-3, weight_decay=0.0, optimiser="adam")

PRIMARY_SIZE, CLASS_SIZE = 8, 16  # dimensions of a primary and of a class capsule
TINY = 1e-12  # squared length at least taken before a logarithm


class CapsNet(nn.Module):
    """The network of figure 1 on whole 32×32 colour images: 11,749,120 parameters for 10 classes, decoder included.

    Input: float32 N×3×32×32 in [0, 1]. Output: logits N×classes.

    The paper reads a class capsule's length ‖v‖ as the probability that the class is there, each for itself. The score
    is that probability's logit, log ‖v‖ / (1 − ‖v‖), which by eq. 1 is log ‖s‖²: it grows with the length, so the
    longest capsule wins as in the paper, and does not saturate where lengths come near 1. A softmax over the scores is
    then the probability of each class given that exactly one of them is there.

    Differences from the paper's CIFAR-10 experiment: 32 types of primary capsules as on MNIST (there 64), no "none of
    the above" class, the image whole instead of 24×24 patches, one network instead of seven.
    """

    def __init__(self, classes: int = 10, *, maps: int = 256, types: int = 32) -> None:
        super().__init__()
        self.normalise = Normalise(CIFAR10_MEAN, CIFAR10_STD)
        self.conv = nn.Conv2d(3, maps, 9)
        self.primary = nn.Conv2d(maps, types * PRIMARY_SIZE, 9, stride=2)
        self.weights = nn.Parameter(0.1 * torch.randn(types * 8 * 8, PRIMARY_SIZE, classes * CLASS_SIZE))
        self.decoder = nn.Sequential(
            nn.Linear(classes * CLASS_SIZE, 512),
            nn.ReLU(),
            nn.Linear(512, 1024),
            nn.ReLU(),
            nn.Linear(1024, 3 * 32 * 32),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self._routed(x).square().sum(2).clamp(min=TINY).log()
        return logits

    def training_loss(self, images: Tensor, labels: Tensor) -> Tensor:
        """The mean of margin loss + 0.0005 × squared error of the reconstruction summed over the image (section 4.1).

        images: float32 N×3×32×32 in [0, 1]; labels: int64 N.
        """
        capsules = squash(self._routed(images))
        chosen = F.one_hot(labels, capsules.shape[1])[:, :, None]  # only the true class's capsule reaches the decoder
        reconstruction = self.decoder((chosen * capsules).flatten(1)).float()
        error = (reconstruction - images.flatten(1)).square().sum(1).mean()
        loss: Tensor = margin_loss(torch.linalg.vector_norm(capsules, dim=2), labels) + 0.0005 * error
        return loss

    def _routed(self, images: Tensor) -> Tensor:
        """What the class capsules receive before they are squashed, float32 N×classes×16."""
        maps = self.primary(torch.relu(self.conv(self.normalise(images))))  # N×(types · 8)×8×8
        vectors = maps.permute(0, 2, 3, 1).reshape(maps.shape[0], -1, PRIMARY_SIZE)
        return route(votes(squash(vectors), self.weights)).float()


def squash(s: Tensor) -> Tensor:
    """Eq. 1, over the last dimension: the same direction, a length ‖s‖² / (1 + ‖s‖²) below 1."""
    length: Tensor = torch.linalg.vector_norm(s, dim=-1, keepdim=True)
    return s * (length / (1 + length.square()))


def votes(u: Tensor, weights: Tensor) -> Tensor:
    """Eq. 2, û_(j|i) = W_ij u_i: capsules N×I×8 and ``weights`` I×8×(J · 16) give N×J×I×16."""
    each = torch.bmm(u.transpose(0, 1), weights)  # I×N×(J · 16)
    return each.reshape(each.shape[0], each.shape[1], -1, CLASS_SIZE).permute(1, 2, 0, 3).contiguous()


def route(votes: Tensor, iterations: int = 3) -> Tensor:
    """Procedure 1, dynamic routing: ``votes`` û, N×J×I×D, give the last weighted sums s, N×J×D; v is ``squash(s)``."""
    logits = torch.zeros_like(votes[..., 0])  # b, N×J×I
    for _ in range(iterations - 1):
        v = squash(_weighted(votes, logits))
        logits = logits + (votes @ v[..., None])[..., 0]  # the agreement û · v
    return _weighted(votes, logits)


def _weighted(votes: Tensor, logits: Tensor) -> Tensor:
    """s_j = Σ_i c_ij û_(j|i), where c_i is the softmax over the J capsules above (eqs. 2 and 3)."""
    return (logits.softmax(1)[:, :, None] @ votes)[:, :, 0]


def margin_loss(lengths: Tensor, labels: Tensor) -> Tensor:
    """Eq. 4 with m⁺ = 0.9, m⁻ = 0.1 and λ = 0.5, summed over the classes: ``lengths`` N×J, labels N → their mean."""
    there = F.one_hot(labels, lengths.shape[1])
    missed = (0.9 - lengths).clamp(min=0).square()
    imagined = (lengths - 0.1).clamp(min=0).square()
    return (there * missed + 0.5 * (1 - there) * imagined).sum(1).mean()
