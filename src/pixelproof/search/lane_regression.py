"""Gaussian regressions of many lanes at once: their noise, their factors, and what follows from these."""

from dataclasses import dataclass

import torch
from torch import Tensor

#: Variance of the noise of a row that says nothing: nobody answered, or it repeats another. Finite, so that its factor
#: is, and so large that its weight is none.
SILENT = 1e20


@dataclass(frozen=True)
class Noise:
    """How far a measurement strays from the linear model, as a share of what the model explains."""

    curvature: float  # η: variance η κ² / (1 + η κ / 2) at prior variance κ
    floor: float  # φ: variance φ times the mean κ, the same for every measurement

    def variance(self, kappa: Tensor, usual: Tensor) -> Tensor:
        """(L, n) of κ, (L, n), the prior variances of the measurements; usual (L,) is their mean."""
        bend = self.curvature * kappa
        return kappa * bend / (1 + bend / 2) + self.floor * usual.unsqueeze(1)


@dataclass(frozen=True)
class Factor:
    """Of L lanes: the Cholesky factor U (L, n, n), UᵀU = K + N, of which only the upper half counts; N, (L, n); and
    what N was made with, (L,)."""

    upper: Tensor
    variance: Tensor
    usual: Tensor  # the mean of κ
    rounding: Tensor

    def solve(self, values: Tensor) -> Tensor:
        """(K + N)⁻¹ values, for values (L, n, k); not by ``cholesky_solve``, which on a GPU loops over the lanes."""
        half = torch.linalg.solve_triangular(self.upper.mT, values, upper=False)
        return self.half_solve(half)

    def half_solve(self, values: Tensor) -> Tensor:
        """U⁻¹ values, for values (L, n, k)."""
        return torch.as_tensor(torch.linalg.solve_triangular(self.upper, values, upper=True))


@dataclass(frozen=True)
class Posterior:
    """The regressions of L lanes at their best points, on n rows of which those that were ``told``, (L, n), count.

    For T rivals, the nearest first: which of them are near enough to be followed (L, T), one at least; margins there
    (L, T), differences (L, n, T), weights (L, n, T) = (K + N)⁻¹ differences, and amplitudes (L, T): the likeliest scale
    of K + N, squared.
    """

    factor: Factor
    told: Tensor
    followed: Tensor
    here: Tensor
    differences: Tensor
    weights: Tensor
    amplitudes: Tensor

    def log_evidence(self) -> Tensor:
        """(L,) of the nearest rivals' differences, amplitude fitted, up to a constant."""
        explained = (self.differences[:, :, 0] * self.weights[:, :, 0]).sum(1).clamp(min=1e-30)
        roots = self.factor.upper.diagonal(dim1=1, dim2=2).log() * self.told
        return -0.5 * (self.told.sum(1) * explained.log() + 2 * roots.sum(1))


def mean(values: Tensor, told: Tensor) -> Tensor:
    """(L,) means of values (L, n) where something was told, (L, n)."""
    return (values * told).sum(1) / told.sum(1).clamp(min=1)


def upper_factor(matrix: Tensor, told: Tensor) -> Tensor:
    """The Cholesky factors of (L, n, n), on whose diagonals, where float32 needs it, more is put, in place."""
    diagonal = matrix.diagonal(dim1=1, dim2=2)
    scale, failed = mean(diagonal, told), torch.zeros(len(matrix), device=matrix.device)
    for extra in (0.0, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2):
        diagonal += (extra * scale).masked_fill(failed == 0, 0).unsqueeze(1)
        factor, failed = torch.linalg.cholesky_ex(matrix)
        if not bool(failed.any()):
            return torch.as_tensor(factor).mT
    raise ArithmeticError("the covariance of the measurements is not finite")
