"""What one lane has measured of the margins around its best point, and the gradient that follows from it."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

#: Largest margin that enters the regression; beyond it, as where a probability is zero, the score says nothing.
LARGEST_MARGIN = 1e4
#: Variance that float32 leaves in a difference of two points, as a share of their own.
ROUNDING = 1e-5
#: Measurements kept where few were asked, and the share kept of many: late, 720 are too few for a gradient of 3,072
#: numbers. On 64 images of the public ResNet-20, from 5,000 on, th = 1 fooled 75 % in 4,000 queries with 720, and 81 %
#: with up to 1,500.
KEPT, KEPT_SHARE = 720, 1 / 2
#: Rows of the Gram matrix that are made at once; half of it follows by symmetry.
BLOCK = 48


@dataclass(frozen=True)
class Noise:
    """How far a measurement strays from the linear model, as a share of what the model explains."""

    curvature: float  # η: variance η κ² / (1 + η κ / 2) at prior variance κ
    floor: float  # φ: variance φ times the mean κ, the same for every measurement

    def variance(self, kappa: Tensor, usual: Tensor) -> Tensor:
        """(n,) of κ, (n,), the prior variances of the measurements; usual () is their mean."""
        bend = self.curvature * kappa
        return kappa * bend / (1 + bend / 2) + self.floor * usual


@dataclass
class Factor:
    """The Cholesky factor (n, n) of K + N, N (n,), and what N was made with."""

    lower: Tensor
    variance: Tensor
    noise: Noise
    usual: Tensor  # the mean of κ
    rounding: Tensor


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

    def __init__(self, capacity: int, root: Tensor) -> None:
        """root: the roots of the prior variances, (size,)."""
        size, device = len(root), root.device
        self._root = root
        self._u = torch.empty(capacity, size, device=device)
        self._gram = torch.empty(capacity, capacity, device=device)
        self._margins = torch.empty(capacity, 0, device=device)
        self._short = torch.empty(capacity, size, device=device, dtype=torch.bfloat16)  # u, for products that may err
        self._factor: Factor | None = None
        self.count = 0
        self.asked = 0
        self.best = 0
        self.moved = False  # the box is a new one: the best point is the best of those added next
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
        room = min(len(self._u), max(KEPT, int(KEPT_SHARE * self.asked)))
        if self.count + len(changes) > room:
            self._forget(room - 4 * len(changes))
        block = self._gram_of(whitened)
        new = self._are_new(block)
        if not bool(new.all()):
            changes, whitened, margins = changes[new], whitened[new], margins[new]
            block = self._gram_of(whitened)
        if len(changes):
            self._append(changes, whitened, margins, block)

    def condition_on(self, change: Tensor, margins: Tensor) -> None:
        """Begin with the unchanged image, change (H·W·C) being zero; its margins (K,) cost no query."""
        if bool((margins < LARGEST_MARGIN).any()):
            self.add(change.unsqueeze(0), torch.zeros_like(self._u[:1]), margins.unsqueeze(0))
            self.asked = 0

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
        self._short[first:last] = whitened
        self._margins[first:last] = margins.clamp(max=LARGEST_MARGIN)
        self._gram[first:last, :last] = block
        self._gram[:last, first:last] = block.T
        self.count = last
        fitness = self._margins[first:last].amin(1)
        lowest = int(fitness.argmin())
        if first == 0 or self.moved or bool(fitness[lowest] < self._margins[self.best].amin()):
            self.best, self.point, self.moved = first + lowest, changes[lowest].clone(), False
            self._factor = None

    def follow(self, root: Tensor) -> None:
        """Take over the roots, (size,), of a prior that was learnt anew."""
        if root is self._root:
            return
        self.u.mul_(root / self._root)
        self._short[: self.count] = self.u
        for first in range(0, self.count, BLOCK):
            last = min(first + BLOCK, self.count)
            self._gram[first:last, :last] = self.u[first:last] @ self.u[:last].T
            self._gram[:first, first:last] = self._gram[first:last, :first].T
        self._root, self._factor = root, None

    def posterior(self, noise: Noise, rivals: int) -> Posterior:
        """The regression of the margins of the ``rivals`` nearest rivals at the best point."""
        factor = self._factored(noise)
        all_here = self._margins[self.best]
        nearest = all_here.topk(min(rivals, len(all_here)), largest=False).indices
        nearest = nearest[: max(1, int((all_here[nearest] < LARGEST_MARGIN).sum()))]
        here = all_here[nearest]
        differences = self._margins[: self.count][:, nearest] - here
        weights = torch.cholesky_solve(differences, factor.lower)
        # No more numbers are explained than a gradient has: in few dimensions it would vanish, and exploring with it.
        amplitudes = (differences * weights).sum(0).clamp(min=1e-12) / min(self.count, self._u.shape[1])
        return Posterior(factor.lower, factor.variance, nearest, here, differences, weights, amplitudes)

    def back(self, weights: Tensor) -> Tensor:
        """Rᵀ weights, (T, size), for weights (count, T), where the rows of R are u less that of the best point."""
        found = weights.T.bfloat16() @ self._short[: self.count]
        return found.float() - weights.sum(0).unsqueeze(1) * self.u[self.best]

    def along(self, directions: Tensor) -> Tensor:
        """R directionsᵀ, (count, k), for directions (k, size)."""
        seen = (self._short[: self.count] @ directions.T.bfloat16()).float()
        return seen - seen[self.best]

    def _prior(self, first: int = 0) -> Tensor:
        """K = R Rᵀ, (count, count), from row ``first`` on."""
        gram = self._gram[: self.count, : self.count]
        at = gram[self.best]
        return gram[first:] - at[first:].unsqueeze(1) - at + at[self.best]

    def _factored(self, noise: Noise) -> Factor:
        """The factor of K + N: that of the last call and the rows that have come, where nothing else has changed."""
        known = self._factor
        if known is None or known.noise != noise:
            self._factor = self._factor_all(noise)
        elif len(known.variance) < self.count:
            self._factor = self._extended(known) or self._factor_all(noise)
        assert self._factor is not None
        return self._factor

    def _factor_all(self, noise: Noise) -> Factor:
        prior = self._prior()
        kappa = prior.diagonal().clone()
        usual = kappa.mean()
        rounding = (ROUNDING * self._gram[: self.count, : self.count].diagonal().mean()).clamp(min=1e-12)
        variance = noise.variance(kappa, usual) + rounding
        prior.diagonal().add_(variance)
        return Factor(_factor(prior), variance, noise, usual, rounding)

    def _extended(self, known: Factor) -> Factor | None:
        """The factor with the rows that have come; None where float32 does not suffice."""
        before = len(known.variance)
        rows = self._prior(before)
        corner = rows[:, before:]
        variance = known.noise.variance(corner.diagonal(), known.usual) + known.rounding
        left = torch.linalg.solve_triangular(known.lower, rows[:, :before].T, upper=False).T
        inner, failed = torch.linalg.cholesky_ex(corner + torch.diag(variance) - left @ left.T)
        if int(failed):
            return None
        lower = torch.zeros(self.count, self.count, device=rows.device)
        lower[:before, :before], lower[before:, :before], lower[before:, before:] = known.lower, left, inner
        return Factor(lower, torch.cat([known.variance, variance]), known.noise, known.usual, known.rounding)

    def _forget(self, rows: int) -> None:
        """Keep the ``rows`` points nearest to the best one: the model is local."""
        nearest = self._prior().diagonal().argsort(stable=True)[:rows].sort().values
        self._u[:rows] = self._u[nearest]
        self._short[:rows] = self._short[nearest]
        self._gram[:rows, :rows] = self._gram[nearest][:, nearest]
        self._margins[:rows] = self._margins[nearest]
        self.best = int((nearest == self.best).nonzero())
        self.count, self._factor = rows, None


def _factor(matrix: Tensor) -> Tensor:
    """The Cholesky factor, with as much more on the diagonal as float32 needs."""
    scale = matrix.diagonal().mean()
    for extra in (0.0, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2):
        factor, failed = torch.linalg.cholesky_ex(
            matrix + torch.diag((extra * scale).expand(len(matrix))) if extra else matrix
        )
        if not int(failed):
            return torch.as_tensor(factor)
    raise ArithmeticError("the covariance of the measurements is not finite")
