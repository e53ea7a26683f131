"""What one lane has measured of the margins around its best point, and the gradient that follows from it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

#: Largest margin that enters the regression; beyond it, as where a probability is zero, the score says nothing.
LARGEST_MARGIN = 1e4
#: Variance that float32 leaves in a difference of two points, as a share of their own.
ROUNDING = 1e-5


@dataclass(frozen=True)
class Noise:
    """How far a measurement strays from the linear model, as a share of what the model explains."""

    curvature: float  # η: variance η κ² / (1 + η κ / 2) at prior variance κ
    floor: float  # φ: variance φ times the mean κ, the same for every measurement

    def variance(self, kappa: Tensor) -> Tensor:
        """(n,) of κ, (n,), the prior variances of the measurements."""
        bend = self.curvature * kappa
        return kappa * bend / (1 + bend / 2) + self.floor * kappa.mean()


@dataclass(frozen=True)
class Posterior:
    """The regression at the best point: factor (n, n) of K + N, noise (n,), and for T rivals: their numbers (T,),
    margins there (T,), differences (n, T), weights (n, T) = (K + N)⁻¹ differences, amplitudes (T,): the likeliest
    scale of K + N, squared."""

    factor: Tensor
    noise: Tensor
    rivals: Tensor
    here: Tensor
    differences: Tensor
    weights: Tensor
    amplitudes: Tensor

    def log_evidence(self) -> float:
        """Of the nearest rival's differences, amplitude fitted, up to a constant."""
        explained = float(self.differences[:, 0] @ self.weights[:, 0])
        determinant = 2 * float(self.factor.diagonal().log().sum())
        return -0.5 * (len(self.noise) * math.log(max(explained, 1e-30)) + determinant)


class Measurements:
    """Up to ``capacity`` measured points of one lane: whitened coordinates, their Gram matrix, the margins.

    Coordinates are those of an `ImageBasis` times the roots of the prior variances, so that a gradient is a priori
    N(0, I) times an amplitude.
    """

    def __init__(self, capacity: int, size: int, device: torch.device) -> None:
        self._u = torch.empty(capacity, size, device=device)
        self._gram = torch.empty(capacity, capacity, device=device)
        self._margins = torch.empty(capacity, 0, device=device)
        self.count = 0
        self.asked = 0
        self.best = 0
        self.point = torch.empty(0)  # the change at the best point, (H·W·C)

    @property
    def u(self) -> Tensor:
        """(count, size) whitened coordinates."""
        return self._u[: self.count]

    def add(self, changes: Tensor, whitened: Tensor, margins: Tensor) -> None:
        """Remember q points: changes (q, H·W·C), their whitened coordinates (q, size), margins (q, K)."""
        if not self._margins.shape[1]:
            self._margins = margins.new_empty(len(self._u), margins.shape[1])
        self.asked += len(changes)
        if self.count + len(changes) > len(self._u):
            self._forget(len(self._u) - 4 * len(changes))
        block = self._gram_of(whitened)
        new = self._are_new(block)
        if not bool(new.all()):
            changes, whitened, margins = changes[new], whitened[new], margins[new]
            block = self._gram_of(whitened)
        if len(changes):
            self._append(changes, whitened, margins, block)

    def _gram_of(self, whitened: Tensor) -> Tensor:
        """(q, count + q): products of new points with the known ones and with each other."""
        return torch.cat([whitened @ self.u.T, whitened @ whitened.T], 1)

    def _are_new(self, block: Tensor) -> Tensor:
        """(q,) which points of a block are neither known nor repeated: a point asked again teaches nothing."""
        known = self._gram[: self.count, : self.count].diagonal()
        own = block[:, self.count :].diagonal()
        apart = own.unsqueeze(1) + torch.cat([known, own]) - 2 * block
        return ~(apart < ROUNDING * own.unsqueeze(1)).tril(self.count - 1).any(1)

    def _append(self, changes: Tensor, whitened: Tensor, margins: Tensor, block: Tensor) -> None:
        first, last = self.count, self.count + len(changes)
        self._u[first:last] = whitened
        self._margins[first:last] = margins.clamp(max=LARGEST_MARGIN)
        self._gram[first:last, :last] = block
        self._gram[:last, first:last] = block.T
        self.count = last
        fitness = self._margins[first:last].amin(1)
        lowest = int(fitness.argmin())
        if first == 0 or bool(fitness[lowest] < self._margins[self.best].amin()):
            self.best, self.point = first + lowest, changes[lowest].clone()

    def rescale(self, factor: Tensor) -> None:
        """Follow a prior whose roots grew by ``factor``, (size,)."""
        self.u.mul_(factor)
        self._gram[: self.count, : self.count] = self.u @ self.u.T

    def posterior(self, noise: Noise, rivals: int) -> Posterior:
        """The regression of the margins of the ``rivals`` nearest rivals at the best point."""
        prior = self._prior()
        variance = noise.variance(prior.diagonal())
        variance = variance + (ROUNDING * self._gram[: self.count, : self.count].diagonal().mean()).clamp(min=1e-12)
        prior.diagonal().add_(variance)
        factor = _factor(prior)
        all_here = self._margins[self.best]
        nearest = all_here.topk(min(rivals, len(all_here)), largest=False).indices
        nearest = nearest[: max(1, int((all_here[nearest] < LARGEST_MARGIN).sum()))]
        here = all_here[nearest]
        differences = self._margins[: self.count][:, nearest] - here
        weights = torch.cholesky_solve(differences, factor)
        # No more numbers are explained than a gradient has: in few dimensions it would vanish, and exploring with it.
        amplitudes = (differences * weights).sum(0).clamp(min=1e-12) / min(self.count, self._u.shape[1])
        return Posterior(factor, variance, nearest, here, differences, weights, amplitudes)

    def back(self, weights: Tensor) -> Tensor:
        """Rᵀ weights, (T, size), for weights (count, T), where the rows of R are u less that of the best point."""
        return weights.T @ self.u - weights.sum(0).unsqueeze(1) * self.u[self.best]

    def along(self, directions: Tensor) -> Tensor:
        """R directionsᵀ, (count, k), for directions (k, size)."""
        seen = self.u @ directions.T
        return seen - seen[self.best]

    def _prior(self) -> Tensor:
        """K = R Rᵀ, (count, count)."""
        gram = self._gram[: self.count, : self.count]
        at = gram[self.best]
        return gram - at.unsqueeze(1) - at + at[self.best]

    def _forget(self, rows: int) -> None:
        """Keep the ``rows`` points nearest to the best one: the model is local."""
        nearest = self._prior().diagonal().argsort(stable=True)[:rows].sort().values
        self._u[:rows] = self._u[nearest]
        self._gram[:rows, :rows] = self._gram[nearest][:, nearest]
        self._margins[:rows] = self._margins[nearest]
        self.best = int((nearest == self.best).nonzero())
        self.count = rows


def _factor(matrix: Tensor) -> Tensor:
    """The Cholesky factor, with as much more on the diagonal as float32 needs."""
    scale = matrix.diagonal().mean()
    for extra in (0.0, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2):
        stronger = matrix + (extra * scale) * torch.eye(len(matrix), device=matrix.device)
        factor, failed = torch.linalg.cholesky_ex(stronger)
        if not int(failed):
            return torch.as_tensor(factor)
    raise ArithmeticError("the covariance of the measurements is not finite")
