"""CMA-ES with a full covariance matrix."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pixelproof.search.one_thread import one_thread
from pixelproof.search.search import ordered_sum
from pixelproof.search.strategy import EvolutionStrategy, StrategyState


@dataclass
class FullState(StrategyState):
    """The matrices are one tensor a lane: products and `eigh` of a batch give bits that depend on the slot.

    A tensor of its own is always aligned alike, a slice of a batch is not.
    """

    covariance: list[Tensor]  # (n, n); only the lower triangle is read
    basis: list[Tensor]  # (n, n): Bᵀ, the eigenvectors of C as rows
    lengths: list[Tensor]  # (n,): D, the square roots of the eigenvalues, ascending
    age: list[int]  # generations


class CMAES(EvolutionStrategy[FullState]):
    """(μ/μ_w, λ)-CMA-ES with active covariance adaptation: N. Hansen, The CMA Evolution Strategy: A Tutorial,
    arXiv 1604.00772, with its default parameters; the package `cma` has the same by default.

    dimension: n, up to a few hundred. sigma: the initial standard deviation, in the unit of x, one number
    or (n,). population: λ, by default 4 + ⌊3 ln n⌋. The state is float64 on the CPU, because matrices
    this small are decomposed faster there; noise is drawn, and candidates are handed out, as float32
    where the starts live.

    `lower` and `upper` are not enforced: candidates may lie outside, and whoever decodes them clips.

    How we differ from the tutorial: C is decomposed anew every max(1, ⌊1 / (2 n (c_1 + c_mu))⌋)
    generations of the lane (the tutorial, appendix B.2, has 10 in place of 2), C^(-1/2) is that of the
    last decomposition, and a step size grows at most e-fold a generation, as in `cma`.

    Raises ValueError for a dimension below 1, a population below 2, or a sigma that is not above 0 and
    finite.
    """

    def __init__(self, dimension: int, sigma: float | Tensor, population: int | None = None) -> None:
        window = 10 + 30 * dimension  # never cut short
        super().__init__(dimension, sigma, population, separable=False, longest_window=window)
        self._gap = max(1, math.floor(0.5 / (dimension * (self._rates.c_1 + self._rates.c_mu))))
        self._noise = torch.empty(0)
        self._steps = torch.empty(0)

    @property
    def lane_bytes(self) -> int:
        """Memory that a lane takes at most, in bytes, about: its matrices, and what decomposes them."""
        return 8 * 4 * self.dimension**2 + super().lane_bytes

    def _begin(self, start: Tensor, lower: Tensor, upper: Tensor, images: Tensor | None) -> FullState:
        common = self._common(start.double().cpu())
        n, rows = self.dimension, range(len(start))
        return FullState(
            **vars(common),
            covariance=[torch.eye(n, dtype=torch.float64) for _ in rows],
            basis=[torch.eye(n, dtype=torch.float64) for _ in rows],
            lengths=[torch.ones(n, dtype=torch.float64) for _ in rows],
            age=[0 for _ in rows],
        )

    def _propose(self, state: FullState) -> Tensor:
        shape = (self.population, self.dimension)
        noise = torch.empty(self.lanes, *shape, device=self._device)
        for lane, generator in enumerate(self._generators):
            torch.randn(shape, generator=generator, out=noise[lane])  # eq. 38: z ~ N(0, I)
        self._noise = noise.double().cpu()
        with one_thread():
            steps = []
            for lane, age in enumerate(state.age):
                if age and age % self._gap == 0:
                    _decompose(state, lane)
                stretched = self._noise[lane] * state.lengths[lane]
                steps.append(stretched @ state.basis[lane])  # eq. 39: y ~ N(0, C)
        self._steps = torch.stack(steps)
        width = (state.sigma * self._scale).unsqueeze(1)
        candidates = self._steps * width + state.mean.unsqueeze(1)  # eq. 40: x ~ N(m, σ² C)
        return candidates.float().to(self._device)

    def _learn(self, state: FullState, fitness: Tensor, margins: Tensor | None) -> None:
        fitness = fitness.double().cpu()
        z, y, r = self._noise, self._steps, self._rates
        weights = self._weights_by_candidate(state, fitness)
        selected = weights.clamp(min=0).unsqueeze(2)
        in_eigenbasis = ordered_sum(z * selected, 1)  # D⁻¹ Bᵀ y_w
        with one_thread():
            pairs = zip(in_eigenbasis, state.basis, strict=True)
            whitened = torch.cat([row.clone().unsqueeze(0) @ basis for row, basis in pairs])
        factor = self._move(state, ordered_sum(y * selected, 1), whitened)
        norms = ordered_sum(z.square(), 2)  # ‖C^(-1/2) y‖²
        weights = torch.where(weights < 0, weights * (self.dimension / norms), weights)  # eq. 46
        vectors = torch.cat([y, state.path_c.unsqueeze(1)], 1)
        amounts = torch.cat([r.c_mu * weights, torch.full_like(state.sigma, r.c_1)], 1).unsqueeze(2)
        self._update_covariance(state, factor.flatten().tolist(), vectors, vectors * amounts)
        self._remember(state, fitness)

    def _update_covariance(self, state: FullState, factor: list[float], left: Tensor, right: Tensor) -> None:
        """C ← factor C + leftᵀ right (eq. 47), lane by lane; left and right: (lanes, λ + 1, n)."""
        with one_thread():
            for lane, old in enumerate(state.covariance):
                u, v = left[lane].clone(), right[lane].clone()
                state.covariance[lane] = torch.addmm(old, u.mT, v, beta=factor[lane])
                state.age[lane] += 1

    def _exhausted(self, state: FullState) -> Tensor:
        lengths = torch.stack(state.lengths)
        diagonal = torch.stack([matrix.diagonal() for matrix in state.covariance])
        return self._stuck(state, lengths[:, 0].square(), lengths[:, -1].square(), diagonal)


def _decompose(state: FullState, lane: int) -> None:
    """C = B D² Bᵀ. A matrix that is not finite keeps its last decomposition; the lane is stalled then."""
    matrix = state.covariance[lane]
    if not math.isfinite(float(matrix.sum())):
        return
    values, vectors = torch.linalg.eigh(matrix)
    state.lengths[lane] = values.clamp(min=0).sqrt()
    state.basis[lane] = vectors.mT.contiguous()
