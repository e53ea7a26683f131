"""What lanes have learnt of their images: by how much each pixel, in each corner colour, lowers each margin.

Gaussian conditioning, a block of observations at a time and never from the beginning.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional as F

from pixelproof.search.pixel_prior import PixelPrior

LEVEL = 100.0  # prior variance of the margins of the clean image, which may not be told: wide
SCALE, SCALE_COUNT = 1.44, 10  # prior square of the effect of a typical pixel, and how many observations it is worth


@dataclass
class Observations:
    """q observations of each of some lanes: ``told`` = Σ signs effect(cells) - whole level + noise.

    cells and signs (lanes, q, e); whole (lanes, q) is 1 for a set and 0 for a swap; noise (lanes, q) in units of
    scale²; told (lanes, q, K).
    """

    cells: Tensor
    signs: Tensor
    whole: Tensor
    noise: Tensor
    told: Tensor

    def lanes(self) -> list[Self]:
        """One by one, each with a leading dimension of 1."""
        parts = (getattr(self, field.name).split(1) for field in fields(self))
        return [type(self)(*own) for own in zip(*parts, strict=True)]


class Landscape:
    """Additive effects of *cells* on K margins; cell j stands for position j % P, corner colour j // P.

    margin_k(set) = level_k - Σ effect_k(cell) + noise. An observation is of a whole set, or of a *swap*: the difference
    that one exchanged cell makes to a set already seen, in which the interactions of the others cancel.

    Memory: (capacity + K) × (P × F) numbers. When ``capacity`` observations are in, the older half is forgotten.
    """

    def __init__(self, prior: PixelPrior, features: Tensor, outputs: int, capacity: int) -> None:
        self.prior, self.features, self.outputs, self.capacity = prior, features, outputs, capacity
        self.flat = features.flatten(1).T.contiguous()  # (cells, F)
        self.posterior = Posterior(capacity, prior.positions * prior.features + 1, outputs, features.device)
        self.forget()

    def forget(self) -> None:
        """Begin again with nothing known."""
        prior = self.prior
        self.posterior.forget()
        own = ((self.flat @ prior.weights) * self.flat).sum(1)
        self.variance = own.view(-1, prior.positions) * prior.spread.square()  # (colours, P), in units of scale²
        self.seen: list[Observations] = []

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
        return self.effects(self.posterior.mean[rivals])

    def scale(self) -> Tensor:
        """(K,): what the variances are to be multiplied by, its root."""
        surprises = self.posterior.answers.square().sum(0)
        return ((SCALE * SCALE_COUNT + surprises) / (SCALE_COUNT + self.count)).sqrt()

    def effects(self, hidden: Tensor) -> Tensor:
        """(r, colours, P): the effects that r vectors of hidden numbers amount to."""
        weights = hidden[:, :-1].view(len(hidden), -1, 1, self.prior.positions)
        effects = self.features[0] * weights[:, 0]
        for feature, weight in zip(self.features[1:], weights.unbind(1)[1:], strict=True):
            effects.addcmul_(feature, weight)
        return effects


def covariances(landscapes: Sequence[Landscape], cells: Tensor) -> Tensor:
    """(lanes, m, m): of the effects of cells (lanes, m), in units of scale²."""
    prior = landscapes[0].prior
    where, features = cells % prior.positions, _features(landscapes, cells)
    covariance = (features @ prior.weights @ features.mT) * prior.correlations(where[:, :, None], where[:, None])
    index = where[:, None] + prior.layers[:, None]
    for landscape, own, *sums in zip(landscapes, covariance, index, features.mT, strict=True):
        seen = landscape.posterior.whiten(*sums)
        own.addmm_(seen.T, seen, alpha=-1)
    return covariance


def learn(landscapes: Sequence[Landscape], news: Observations) -> None:
    """Let each landscape take in its observations."""
    count = news.told.shape[1]
    for landscape, own in zip(landscapes, news.lanes(), strict=True):
        if landscape.count + count > landscape.capacity:
            last = _last(landscape.seen, landscape.capacity // 2)
            landscape.forget()
            _condition([landscape], last)
            landscape.seen = [last]
        landscape.seen.append(own)
    _condition(landscapes, news)


def _last(seen: Sequence[Observations], count: int) -> Observations:
    """The last ``count`` of what one lane has seen."""
    width = max(one.cells.shape[2] for one in seen)
    gaps = [(0, width - one.cells.shape[2]) for one in seen]
    wide = [
        replace(one, cells=F.pad(one.cells, gap), signs=F.pad(one.signs, gap))
        for one, gap in zip(seen, gaps, strict=True)
    ]
    parts = ([getattr(one, field.name) for one in wide] for field in fields(Observations))
    return Observations(*(torch.cat(part, 1)[:, -count:] for part in parts))


def _condition(landscapes: Sequence[Landscape], news: Observations) -> None:
    prior = landscapes[0].prior
    where, whole = news.cells % prior.positions, news.whole
    features = _features(landscapes, news.cells.flatten(1)).view(*where.shape, -1) * news.signs[..., None]
    columns = prior.columns(where.flatten(0, 1), features.flatten(0, 1)).view(*whole.shape, -1)
    fresh = torch.cat([columns, whole[..., None] * -LEVEL, news.told], 2)
    # The sums: the F weights of each position, the level last.
    index = (where[..., None] + prior.layers).flatten(2)
    index = F.pad(index, (0, 1), value=columns.shape[2])
    weight = torch.cat([features.flatten(2), -whole[..., None]], 2)
    rows = observe([landscape.posterior for landscape in landscapes], index.mT, weight.mT, fresh, news.noise)
    for landscape, own in zip(landscapes, rows, strict=True):
        landscape.variance -= landscape.effects(own).square_().sum(0)


def _features(landscapes: Sequence[Landscape], cells: Tensor) -> Tensor:
    """(lanes, m, F) of cells (lanes, m)."""
    return torch.stack([landscape.flat[own] for landscape, own in zip(landscapes, cells, strict=True)])


class Posterior:
    """What D hidden Gaussian numbers are, given noisy observations of sums of them.

    K outputs are modelled at once: they share the covariance, of which each has a multiple. With A the sums (one a
    row), S the prior covariance and N the noise, L the Cholesky factor of A S Aᵀ + N, it keeps V = L⁻¹ A S, (n, D), and
    U = L⁻¹ Y, (n, K), side by side, to which q observations add q rows at the cost of one product (q × n) (n × D). The
    posterior covariance is S - Vᵀ V, the posterior mean Uᵀ V.

    Sums are sparse, q of them of m numbers: ``index`` (m, q) int64 says which they add, ``weight`` (m, q) how often.
    Rows are allotted in advance, ``capacity`` of them; to observe more raises RuntimeError.
    """

    def __init__(self, capacity: int, numbers: int, outputs: int, device: torch.device) -> None:
        self._rows = torch.empty(capacity, numbers + outputs, device=device)
        self.mean = torch.zeros(outputs, numbers, device=device)
        self.count = 0

    def forget(self) -> None:
        """Begin again with no observations."""
        self.count = 0
        self.mean.zero_()

    @property
    def answers(self) -> Tensor:
        """U, (n, K)."""
        return self._rows[: self.count, self.mean.shape[1] :]

    def whiten(self, index: Tensor, weight: Tensor) -> Tensor:
        """(n, q): V applied to q sums, so that of two of them the covariance falls by the product of their columns."""
        rows = self._rows[: self.count]
        return rows.index_select(1, index.flatten()).view(len(rows), *index.shape).mul_(weight).sum(1)

    def extend(self, mixing: Tensor, fresh: Tensor) -> Tensor:
        """Append the rows ``mixing`` (q, q) × ``fresh`` (q, D + K); returns those of V."""
        before, self.count = self.count, self.count + len(fresh)
        if self.count > len(self._rows):
            raise RuntimeError(f"{self.count} observations, {len(self._rows)} were allowed for")
        rows = torch.mm(mixing, fresh, out=self._rows[before : self.count])
        numbers = self.mean.shape[1]
        self.mean.addmm_(rows[:, numbers:].T, rows[:, :numbers])
        return rows[:, :numbers]

    def less_known(self, index: Tensor, weight: Tensor, fresh: Tensor) -> None:
        """Take from ``fresh`` (q, D + K), A S and what was told of q sums, what earlier observations say of them."""
        fresh.addmm_(self.whiten(index, weight).T, self._rows[: self.count], alpha=-1)


def observe(
    posteriors: Sequence[Posterior], index: Tensor, weight: Tensor, fresh: Tensor, noise: Tensor
) -> list[Tensor]:
    """Let each posterior take in q observations; returns the rows (q, D) that V grows by.

    index, weight (lanes, m, q); fresh (lanes, q, D + K): A S and the answers, overwritten; noise (lanes, q): variances.
    """
    for posterior, *own in zip(posteriors, index, weight, fresh, strict=True):
        posterior.less_known(*own)
    lanes, numbers, count = index.shape
    among = fresh.gather(2, index.flatten(1)[:, None].expand(-1, count, -1)).view(lanes, count, numbers, count)
    inner = among.mul_(weight[:, None]).sum(2)
    factor = torch.linalg.cholesky((inner + inner.mT) / 2 + torch.diag_embed(noise))
    mixing = torch.linalg.solve_triangular(factor, torch.eye(count, device=noise.device).expand_as(factor), upper=False)
    return [posterior.extend(*own) for posterior, *own in zip(posteriors, mixing, fresh, strict=True)]
