"""What one lane has learnt of its image: by how much each pixel, painted in each corner colour, lowers each margin."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from pixelproof.search.pixel_prior import PixelPrior
from pixelproof.search.posterior import Posterior

LEVEL = 100.0  # prior variance of the margins of the clean image, which may not be told: wide
SCALE, SCALE_COUNT = 1.44, 10  # prior square of the effect of a typical pixel, and how many observations it is worth


class Landscape:
    """Additive effects of *cells* on K margins; cell j stands for position j % P, corner colour j // P.

    margin_k(set) = level_k - Σ effect_k(cell) + noise. An observation is of a whole set, or of a *swap*: the difference
    that one exchanged cell makes to a set already seen, in which the interactions of the others cancel.

    Memory: (capacity + K) × (P × F) numbers. When ``capacity`` observations are in, the older half is forgotten.
    """

    def __init__(self, prior: PixelPrior, features: Tensor, pixels: int, outputs: int, capacity: int) -> None:
        self.prior, self.features, self.outputs, self.capacity = prior, features, outputs, capacity
        device = features.device
        self._flat = features.flatten(1).T.contiguous()  # (cells, F)
        self._level = prior.positions * prior.features
        self._cells = torch.zeros(capacity, pixels, dtype=torch.long, device=device)
        self._signs = torch.zeros(capacity, pixels, device=device)
        self._noise = torch.empty(capacity, device=device)
        self._whole = torch.zeros(capacity, 1, device=device)
        self._told = torch.empty(capacity, outputs, device=device)
        self._reset()

    def _reset(self) -> None:
        prior = self.prior
        self.posterior = Posterior(self.capacity, self._level + 1, self.outputs, self._flat.device)
        own = ((self._flat @ prior.weights) * self._flat).sum(1)
        self.variance = own.view(-1, prior.positions) * prior.spread.square()  # (colours, P), in units of scale²

    @property
    def count(self) -> int:
        """Observations now held."""
        return self.posterior.count

    @property
    def level(self) -> Tensor:
        """(K,): the margins of the clean image."""
        return self.posterior.mean[:, -1]

    def drops(self, rivals: Tensor) -> Tensor:
        """(len(rivals), colours, P): the mean of the effects on these margins."""
        return self._effects(self.posterior.mean[rivals])

    def scale(self) -> Tensor:
        """(K,): what the variances are to be multiplied by, its root."""
        surprises = self.posterior.answers[: self.count]
        return ((SCALE * SCALE_COUNT + surprises.square().sum(0)) / (SCALE_COUNT + self.count)).sqrt()

    def covariance(self, cells: Tensor) -> Tensor:
        """(m, m): of the effects of m cells, in units of scale²."""
        where, features = cells % self.prior.positions, self._flat[cells]
        prior = (features @ self.prior.weights @ features.T) * self.prior.correlations(where[:, None], where)
        seen = self.posterior.whiten(*self._sums(cells[:, None], torch.ones_like(cells[:, None]), None))
        return prior.addmm_(seen.T, seen, alpha=-1)

    def widen(self, pixels: int) -> None:
        """Make room for sets of so many cells."""
        missing = max(0, pixels - self._cells.shape[1])
        self._cells, self._signs = (F.pad(kept, (0, missing)) for kept in (self._cells, self._signs))

    def observe(self, cells: Tensor, signs: Tensor, whole: Tensor, noise: Tensor, told: Tensor) -> None:
        """Take in q observations: told (q, K) = Σ signs effect(cells) - whole level + noise.

        cells and signs (q, e), whole (q,) is 1 for a set and 0 for a swap, noise (q,) in units of scale².
        """
        if self.count + len(told) > self.capacity:
            self._forget(self.capacity // 2)
        new = slice(self.count, self.count + len(told))
        self._cells[new], self._signs[new], self._whole[new] = 0, 0, whole[:, None]
        self._cells[new, : cells.shape[1]], self._signs[new, : cells.shape[1]] = cells, signs
        self._noise[new], self._told[new] = noise, told
        self._condition(new)

    def _forget(self, left: int) -> None:
        """Begin again with the last ``left`` observations."""
        last = slice(self.count - left, self.count)
        for kept in (self._cells, self._signs, self._whole, self._noise, self._told):
            kept[:left] = kept[last].clone()
        self._reset()
        self._condition(slice(0, left))

    def _condition(self, new: slice) -> None:
        cells, signs, whole = self._cells[new], self._signs[new], self._whole[new]
        features = self._flat[cells] * signs[:, :, None]
        columns = self.prior.columns(cells % self.prior.positions, features)
        index, weight = self._sums(cells, signs, whole)
        rows = self.posterior.observe(
            index, weight, torch.cat([columns, whole * -LEVEL], 1), self._noise[new], self._told[new]
        )
        self.variance -= self._effects(rows).square_().sum(0)

    def _effects(self, hidden: Tensor) -> Tensor:
        """(r, colours, P): the effects that r vectors of hidden numbers amount to."""
        weights = hidden[:, :-1].view(len(hidden), -1, 1, self.prior.positions)
        effects = self.features[0] * weights[:, 0]
        for feature, weight in zip(self.features[1:], weights.unbind(1)[1:], strict=True):
            effects.addcmul_(feature, weight)
        return effects

    def _sums(self, cells: Tensor, signs: Tensor, whole: Tensor | None) -> tuple[Tensor, Tensor]:
        """Index and weight (q, m) into the hidden numbers: the F weights of each position, the level last."""
        each = torch.arange(self.prior.features, device=cells.device)
        index = ((cells % self.prior.positions)[:, :, None] + each * self.prior.positions).flatten(1)
        weight = (self._flat[cells] * signs[:, :, None]).flatten(1)
        if whole is None:
            return index, weight
        return torch.cat([index, torch.full_like(index[:, :1], self._level)], 1), torch.cat([weight, -whole], 1)
