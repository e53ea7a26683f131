"""CMA-ES with a diagonal covariance: linear time and memory, for thousands of dimensions."""

from dataclasses import dataclass

import torch
from torch import Tensor

from pixelproof.search.search import ordered_sum
from pixelproof.search.strategy import EvolutionStrategy, StrategyState

LONGEST_WINDOW = 200  # generations


@dataclass
class SeparableState(StrategyState):
    variance: Tensor  # (lanes, n): the diagonal of C


class SeparableCMAES(EvolutionStrategy[SeparableState]):
    """CMA-ES with a diagonal covariance: R. Ros, N. Hansen, A Simple Modification in CMA-ES Achieving Linear Time and
    Space Complexity, PPSN 2008; the rest is the CMA-ES of the tutorial (arXiv 1604.00772), as in `CMAES`.

    dimension: n. sigma: the initial standard deviation, in the unit of x, one number or (n,). population:
    λ, by default 4 + ⌊3 ln n⌋. State and candidates are float32 and live where the starts live.

    `lower` and `upper` are not enforced: candidates may lie outside, and whoever decodes them clips.

    How we differ from the paper: negative weights (eqs. 46, 50 to 53) as the tutorial has them now, and
    c_1 and c_mu, which the paper knew as one c_cov, both times (n + 2) / 3. `stalled` looks back over 10
    + ⌈30 n / λ⌉ generations like the tutorial, but over no more than 200: at n = 3072 it would be more
    than 3,000 generations.

    Raises ValueError for a dimension below 1, a population below 2, or a sigma that is not above 0 and
    finite.
    """

    def __init__(self, dimension: int, sigma: float | Tensor, population: int | None = None) -> None:
        super().__init__(dimension, sigma, population, separable=True, longest_window=LONGEST_WINDOW)
        self._noise = torch.empty(0)

    def _begin(self, start: Tensor, lower: Tensor, upper: Tensor, images: Tensor | None) -> SeparableState:
        common = self._common(start)
        return SeparableState(**vars(common), variance=torch.ones_like(start))

    def _propose(self, state: SeparableState) -> Tensor:
        shape = (self.population, self.dimension)
        self._noise = state.mean.new_empty(self.lanes, *shape)
        for lane, generator in enumerate(self._generators):
            torch.randn(shape, generator=generator, out=self._noise[lane])  # eq. 38: z ~ N(0, I)
        width = state.sigma * self._scale.to(state.mean) * state.variance.sqrt()
        candidates = self._noise * width.unsqueeze(1)
        return candidates.add_(state.mean.unsqueeze(1))  # eqs. 39, 40: x ~ N(m, σ² C)

    def _learn(self, state: SeparableState, fitness: Tensor, margins: Tensor | None) -> None:
        z, r = self._noise, self._rates
        self._noise = torch.empty(0)
        weights = self._weights_by_candidate(state, fitness)
        whitened = ordered_sum(z * weights.clamp(min=0).unsqueeze(2), 1)
        factor = self._move(state, state.variance.sqrt() * whitened, whitened)
        squares = z.square()
        norms = ordered_sum(squares, 2)
        weights = torch.where(weights < 0, weights * (self.dimension / norms), weights)  # eq. 46
        rank_mu = ordered_sum(squares.mul_(weights.unsqueeze(2)), 1)
        rank_one = r.c_1 * state.path_c.square()
        state.variance = state.variance * (factor + r.c_mu * rank_mu) + rank_one  # eq. 47, diagonal
        self._remember(state, fitness)

    def _exhausted(self, state: SeparableState) -> Tensor:
        return self._stuck(state, state.variance.amin(1), state.variance.amax(1), state.variance)
