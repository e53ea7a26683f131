"""What both forms of CMA-ES share: weights, learning rates, evolution paths, step size, and the signs of
a stall.

Equation numbers are those of N. Hansen, The CMA Evolution Strategy: A Tutorial, arXiv 1604.00772.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

from pixelproof.search.search import LaneSearch, LaneState, ordered_sum, require_finite

FLAT_GENERATIONS = 30  # so many generations of one and the same value in a row are a stall
TOL_FUN = 1e-12  # range of the fitness, in its own unit
TOL_X = 1e-11  # length of the longest step, in units of the initial sigma
TOL_X_UP = 1e4  # the same, upwards
CONDITION = 1e14  # of C


@dataclass(frozen=True)
class Rates:
    """The default parameters of one dimension and population (tutorial, table 1)."""

    weights: tuple[float, ...]  # λ values, best first; the positive sum to 1
    mu_eff: float
    c_sigma: float
    d_sigma: float
    c_c: float
    c_1: float
    c_mu: float
    chi: float  # E‖N(0, I)‖

    @classmethod
    def default(cls, n: int, population: int, separable: bool = False) -> "Rates":
        """Rates for n dimensions; a separable strategy learns its covariance (n + 2) / 3 times as fast."""
        raw = [math.log((population + 1) / 2) - math.log(i) for i in range(1, population + 1)]  # eq. 49
        mu_eff = _effective([w for w in raw if w > 0])
        faster = (n + 2) / 3 if separable else 1.0  # Ros & Hansen 2008, section 3
        c_1 = faster * 2 / ((n + 1.3) ** 2 + mu_eff)  # eq. 57
        rank_mu = 2 * (0.25 + mu_eff + 1 / mu_eff - 2) / ((n + 2) ** 2 + mu_eff)
        c_mu = min(1 - c_1, faster * rank_mu)  # eq. 58
        c_sigma = (mu_eff + 2) / (n + mu_eff + 5)  # eq. 55
        return cls(
            weights=_scaled_weights(raw, n, c_1, c_mu),
            mu_eff=mu_eff,
            c_sigma=c_sigma,
            d_sigma=1 + 2 * max(0.0, math.sqrt((mu_eff - 1) / (n + 1)) - 1) + c_sigma,  # eq. 55
            c_c=(4 + mu_eff / n) / (n + 4 + 2 * mu_eff / n),  # eq. 56
            c_1=c_1,
            c_mu=c_mu,
            chi=math.sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n**2)),
        )


def _effective(weights: Sequence[float]) -> float:
    """(Σ w)² / Σ w², the variance-effective selection mass; 0 of nothing."""
    squares = sum(w * w for w in weights)
    return sum(weights) ** 2 / squares if squares else 0.0


def _scaled_weights(raw: Sequence[float], n: int, c_1: float, c_mu: float) -> tuple[float, ...]:
    """The positive weights sum to 1; the negative to what keeps C positive definite (eqs. 50 to 53)."""
    positive = [w for w in raw if w > 0]
    negative = [w for w in raw if w < 0]
    mu_eff, mu_eff_minus = _effective(positive), _effective(negative)
    mass = min(
        1 + c_1 / c_mu,  # eq. 50
        1 + 2 * mu_eff_minus / (mu_eff + 2),  # eq. 51
        (1 - c_1 - c_mu) / (n * c_mu),  # eq. 52
    )
    up, down = sum(positive), -sum(negative)
    return tuple(w / up if w >= 0 else mass * w / down for w in raw)  # eq. 53


@dataclass
class StrategyState(LaneState):
    """n dimensions, W generations of history."""

    mean: Tensor  # (lanes, n)
    sigma: Tensor  # (lanes, 1), in units of the initial sigma
    path_sigma: Tensor  # (lanes, n)
    path_c: Tensor  # (lanes, n)
    fade: Tensor  # (lanes, 1): (1 - c_sigma)^(2 g) after g generations
    generation: Tensor  # (lanes,) int64
    flat: Tensor  # (lanes,) int64: generations in a row in which all values were equal
    spread: Tensor  # (lanes,): range of the fitness in the last generation
    history: Tensor  # (lanes, W): best fitness of the last W generations, a ring


Strategy = TypeVar("Strategy", bound=StrategyState)


class EvolutionStrategy(LaneSearch[Strategy]):
    """The part of CMA-ES that does not know the shape of the covariance."""

    def __init__(
        self,
        dimension: int,
        sigma: float | Tensor,
        population: int | None,
        *,
        separable: bool,
        longest_window: int,
    ) -> None:
        if population is None:
            population = 4 + math.floor(3 * math.log(max(dimension, 1)))  # eq. 48
        super().__init__(dimension, population, smallest_population=2)
        scale = torch.as_tensor(sigma, dtype=torch.float64).detach().cpu()
        if scale.shape not in ((), (dimension,)):
            raise ValueError(f"sigma is {tuple(scale.shape)}, must be a number or {(dimension,)}")
        if not bool(((scale > 0) & scale.isfinite()).all()):
            raise ValueError(f"sigma is {float(scale.min())} at its smallest, must be above 0 and finite")
        self._scale = scale.expand(dimension).clone()
        self._rates = Rates.default(dimension, population, separable)
        self._window = min(longest_window, 10 + math.ceil(30 * dimension / population))

    def _common(self, start: Tensor) -> StrategyState:
        """The state of new lanes at generation 0, in the dtype and on the device of start, (n, dimension)."""
        require_finite("start is", start)
        rows = len(start)
        ones = start.new_ones(rows, 1)
        count = torch.zeros(rows, dtype=torch.int64, device=start.device)
        return StrategyState(
            mean=start,
            sigma=ones,
            path_sigma=torch.zeros_like(start),
            path_c=torch.zeros_like(start),
            fade=ones.clone(),
            generation=count,
            flat=count.clone(),
            spread=start.new_full((rows,), torch.inf),
            history=start.new_zeros(rows, self._window),
        )

    def _weights_by_candidate(self, state: StrategyState, fitness: Tensor) -> Tensor:
        """(lanes, λ): the weight of each candidate by its rank; of equals, the first asked ranks first."""
        best_first = fitness.argsort(dim=1, stable=True)
        weights = torch.tensor(self._rates.weights, dtype=state.mean.dtype, device=state.mean.device)
        return torch.empty_like(best_first, dtype=weights.dtype).scatter_(1, best_first, weights.expand(fitness.shape))

    def _move(self, state: StrategyState, step: Tensor, whitened: Tensor) -> Tensor:
        """Move mean, paths and step size; both arguments (lanes, n): y_w, and C^(-1/2) y_w.

        Returns (lanes, 1): the factor of the old C, which makes up for a rank-one update that h_sigma
        held back.
        """
        r, n = self._rates, self.dimension
        scale = self._scale.to(state.mean)
        state.mean = state.mean + state.sigma * scale * step  # eq. 42, c_m = 1
        pull = math.sqrt(r.c_sigma * (2 - r.c_sigma) * r.mu_eff)
        state.path_sigma = (1 - r.c_sigma) * state.path_sigma + pull * whitened  # eq. 43
        length = ordered_sum(state.path_sigma.square(), 1).unsqueeze(1).sqrt()
        growth = (r.c_sigma / r.d_sigma) * (length / r.chi - 1)
        state.sigma = state.sigma * growth.clamp(max=1).exp()  # eq. 44, at most by e as `cma` has it
        state.fade = state.fade * (1 - r.c_sigma) ** 2
        h_sigma = (length / (1 - state.fade).sqrt() < (1.4 + 2 / (n + 1)) * r.chi).to(step.dtype)
        pull = math.sqrt(r.c_c * (2 - r.c_c) * r.mu_eff)
        state.path_c = (1 - r.c_c) * state.path_c + h_sigma * (pull * step)  # eq. 45
        held_back = (1 - h_sigma) * (r.c_c * (2 - r.c_c))
        return 1 + r.c_1 * held_back - r.c_1 - r.c_mu * sum(r.weights)  # eq. 47, its first factor

    def _remember(self, state: StrategyState, fitness: Tensor) -> None:
        """Note the range and the best of this generation, (lanes, λ)."""
        best, worst = fitness.amin(1), fitness.amax(1)
        state.flat = torch.where(best == worst, state.flat + 1, 0)
        state.spread = (worst - best).to(state.mean)
        slot = (state.generation % self._window).unsqueeze(1)
        state.history.scatter_(1, slot, best.to(state.mean).unsqueeze(1))
        state.generation = state.generation + 1

    def _stuck(self, state: StrategyState, smallest: Tensor, largest: Tensor, diagonal: Tensor) -> Tensor:
        """(lanes,) bool, by the least and greatest eigenvalue of C, (lanes,), and its diagonal, (lanes, n).

        Tutorial, appendix B.3, with the thresholds at the head of this file.
        """
        long_enough = state.generation >= self._window
        past = state.history.amax(1) - state.history.amin(1)
        tol_fun = long_enough & (past < TOL_FUN) & (state.spread < TOL_FUN)
        steps = state.sigma * torch.maximum(state.path_c.abs(), diagonal.clamp(min=0).sqrt())
        tol_x = (steps < TOL_X).all(1)
        longest = state.sigma.squeeze(1) * largest.clamp(min=0).sqrt()
        ill = ~(largest <= CONDITION * smallest) | ~(longest <= TOL_X_UP)  # NaN too
        broken = ~(state.mean.isfinite().all(1) & state.path_c.isfinite().all(1))
        return tol_fun | tol_x | ill | broken | (state.flat >= FLAT_GENERATIONS)
