"""Which sets of cells to try next, given landscapes: plans of lanes that stand alike are made together."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pixelproof.search.pixel_landscape import Landscape, covariances

RIVALS = 2  # classes that sets are made for, those nearest to the true one
SHORTLIST = 96  # cells that sets are made of
HOPES = (0.5, 1.0, 2.0, 4.0)  # standard deviations that a set is composed by
CALM = 0.05  # a margin so small that sure knowledge of it is no success
APART = 2.5  # pixels between the cells of one scan, at least


@dataclass
class Plan:
    """q probes of one lane, the swaps last. ``sets`` (q, e) are their cells; ``cells`` and ``signs`` (q, e) what is to
    be observed of each: of a swap what it brings, less what it takes, and zeros. ``best`` is the lowest score of them.
    """

    sets: Tensor
    cells: Tensor
    signs: Tensor
    swaps: int
    best: float


@dataclass
class Incumbent:
    """The best set so far: its e cells and its K margins."""

    cells: Tensor
    margins: Tensor


def pruned(landscape: Landscape, incumbent: Incumbent, size: int) -> Plan:
    """The ``size`` cells of the incumbent that do most to the nearest rival's margin."""
    effects = landscape.drops(incumbent.margins.argmin()[None]).flatten(1)[:, incumbent.cells]
    sets = incumbent.cells[effects.topk(size, 1).indices]
    return Plan(sets, sets, torch.ones_like(sets, dtype=torch.float32), 0, 0.0)


def scan(landscapes: Sequence[Landscape], tried: Sequence[Tensor], count: int) -> list[Plan]:
    """The ``count`` most promising single cells of each lane that lie apart; tried, (n,) each, are the earlier ones."""
    place = landscapes[0].prior.place
    lowest, colour = torch.stack([single(*lane) for lane in zip(landscapes, tried, strict=True)]).min(1)  # (lanes, P)
    best, cells = lowest.amin(1), []
    for _ in range(count):
        position = lowest.argmin(1, keepdim=True)
        cells.append(position + colour.gather(1, position) * len(place))
        lowest.masked_fill_((place - place[position]).square().sum(2) <= APART**2, torch.inf)
    sets = torch.stack(cells, 1)
    return _plans(sets, sets, torch.ones_like(sets, dtype=torch.float32), 0, best)


def single(landscape: Landscape, tried: Tensor) -> Tensor:
    """(colours, P): the score of each cell by itself, infinity for those tried, (n,)."""
    drops = landscape.drops(torch.arange(landscape.outputs, device=tried.device))
    deviation = landscape.variance.clamp(min=0).sqrt() * landscape.scale()[:, None, None]
    score = ((landscape.level[:, None, None] - drops) / deviation.add_(CALM)).amin(0)
    score.view(-1)[tried] = torch.inf
    return score


def _plans(sets: Tensor, cells: Tensor, signs: Tensor, swaps: int, best: Tensor) -> list[Plan]:
    lanes = zip(sets, cells, signs, best.tolist(), strict=True)
    return [Plan(own, brought, sign, swaps, score) for own, brought, sign, score in lanes]


class Pool:
    """Fresh sets, and swaps of the incumbent, with the score of each: the predicted margin of the nearest rival over
    its standard deviation. What is taken conditions what is left, so that a batch does not ask one thing twice.

    In the shapes below L are the lanes, m the cells of which sets are made, e those of a set, r the rivals.
    """

    def __init__(
        self, landscapes: Sequence[Landscape], incumbents: Sequence[Incumbent], size: int, used: Tensor
    ) -> None:
        """incumbents: one a lane, or none. size: cells of a set. used (L, n): sums of the keys of sets asked before."""
        prior = landscapes[0].prior
        level = torch.stack([landscape.level for landscape in landscapes])
        now = torch.stack([incumbent.margins for incumbent in incumbents]) if incumbents else level
        rivals = now.topk(min(RIVALS, now.shape[1]), largest=False).indices
        self.size, self.used, self.level = size, used, level.gather(1, rivals)[:, :, None]
        self.scale = torch.stack([landscape.scale() for landscape in landscapes]).gather(1, rivals)[:, :, None]
        drops = torch.stack([landscape.drops(own) for landscape, own in zip(landscapes, rivals, strict=True)])
        self.cells = _shortlist(drops, torch.stack([landscape.variance for landscape in landscapes]), self.scale, size)
        if incumbents:
            self.cells = torch.cat([torch.stack([incumbent.cells for incumbent in incumbents]), self.cells], 1)
        self.place, self.keys = self.cells % prior.positions, prior.keys[self.cells]
        self.gain = drops.flatten(2).gather(2, self.cells[:, None].expand(-1, rivals.shape[1], -1))  # (L, r, m)
        self.covariance = covariances(landscapes, self.cells)
        self._row = torch.arange(len(self.cells), device=used.device)[:, None] * self.cells.shape[1]
        self.swap_keys = self.swap_margin = self.swap_variance = used[:, :0]
        if incumbents:
            self._exchange(now.gather(1, rivals)[:, :, None])

    def _exchange(self, now: Tensor) -> None:
        """Look at the swaps, (L, e × m) of them."""
        size = self.size
        old = self.keys[:, :size]
        self.swap_keys = (old.sum(1)[:, None, None] - old[:, :, None] + self.keys[:, None]).flatten(1)
        # Barred are those that bring a second cell to the position of one that stays, and those asked before.
        same = self.place[:, :size, None] == self.place[:, None]
        barred = (same.sum(1, keepdim=True) > same.long()).flatten(1) | _among(self.swap_keys, self.used)
        margin = (now + self.gain[:, :, :size])[..., None] - self.gain[:, :, None]  # (L, r, e, m)
        self.swap_margin = margin.flatten(2).masked_fill_(barred[:, None], torch.inf)
        own = self.covariance.diagonal(dim1=1, dim2=2)
        pair = own[:, :size, None] + own[:, None]
        self.swap_variance = pair.sub_(self.covariance[:, :size], alpha=2).flatten(1)

    def take(self, fresh: int, swaps: int, noise: tuple[float, float]) -> list[Plan]:
        """The best sets and swaps of each lane, one after the other; noise is the variance of an answer to either."""
        parts = ([self._fresh(fresh, noise[0])] if fresh else []) + ([self._swaps(swaps, noise[1])] if swaps else [])
        sets, cells, signs, scores = (torch.cat(part, 1) for part in zip(*parts, strict=True))
        return _plans(sets, cells, signs, swaps, scores.amin(1))

    def _fresh(self, count: int, noise: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Sets, cells and signs, (L, count, e), and scores, (L, count), of the best fresh sets."""
        chosen, scores = zip(*(self._set(noise) for _ in range(count)), strict=True)
        sets = self.cells.gather(1, torch.cat(chosen, 1)).view(-1, count, self.size)
        return sets, sets, torch.ones_like(sets, dtype=torch.float32), torch.cat(scores, 1)

    def _swaps(self, count: int, noise: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Sets, cells and signs, (L, count, e), and scores, (L, count), of the best swaps."""
        picks, scores = (torch.cat(part, 1) for part in zip(*(self._swap(noise) for _ in range(count)), strict=True))
        old, new = picks // self.cells.shape[1], picks % self.cells.shape[1]
        brought = self.cells.gather(1, new)[:, :, None]
        sets = self.cells[:, None, : self.size].repeat(1, count, 1)
        cells, signs = torch.zeros_like(sets), torch.zeros_like(sets, dtype=torch.float32)
        cells[:, :, :1], cells[:, :, 1] = brought, self.cells.gather(1, old)
        signs[:, :, 0], signs[:, :, 1] = 1, -1
        return sets.scatter_(2, old[:, :, None], brought), cells, signs, scores

    def _compose(self) -> tuple[Tensor, Tensor]:
        """(L, r × hopes, e) and their variances: sets that grow by the cell that adds most to mean + hope × standard
        deviation."""
        hopes = self.scale.new_tensor(HOPES)
        reward = self.gain.repeat_interleave(len(hopes), 1)
        hope = (self.scale * hopes).flatten(1)[:, :, None]
        own = self.covariance.diagonal(dim1=1, dim2=2)[:, None]
        variance, shared = torch.zeros_like(hope), torch.zeros_like(reward)
        picks = []
        for _ in range(self.size):
            grown = (own + variance).add_(shared, alpha=2)
            pick = grown.clamp(min=0).sqrt_().mul_(hope).add_(reward).argmax(2)
            picks.append(pick)
            variance = grown.gather(2, pick[:, :, None])
            shared += self._shared(pick)
            reward.masked_fill_(self.place[:, None] == self.place.gather(1, pick)[:, :, None], -torch.inf)
        return torch.stack(picks, 2), variance.squeeze(2)

    def _set(self, noise: float) -> tuple[Tensor, Tensor]:
        """Take the best fresh set left: which cells, (L, e), and the score, (L, 1)."""
        composed, variance = self._compose()
        lanes, sets, size = composed.shape
        keys = self.keys.gather(1, composed.flatten(1)).view(composed.shape).sum(2)
        gain = self.gain.gather(2, composed.view(lanes, 1, -1).expand(-1, self.gain.shape[1], -1))
        scores = self._scores(self.level - gain.view(*gain.shape[:2], sets, size).sum(3), variance)
        barred = (keys[:, :, None] == self.used[:, None]).any(2)
        score, pick = scores.masked_fill_(barred, torch.inf).min(1, keepdim=True)
        chosen = composed.gather(1, pick[:, :, None].expand(-1, -1, size)).squeeze(1)
        shared = self._shared(chosen).sum(1)
        self._taken(keys.gather(1, pick), shared, shared.gather(1, chosen).sum(1, keepdim=True) + noise)
        return chosen, score

    def _swap(self, noise: float) -> tuple[Tensor, Tensor]:
        """Take the best swap left: which, (L, 1), and the score, (L, 1)."""
        score, pick = self._scores(self.swap_margin, self.swap_variance).min(1, keepdim=True)
        old, new = pick // self.cells.shape[1], pick % self.cells.shape[1]
        shared = (self._shared(new) - self._shared(old)).squeeze(1)
        variance = shared.gather(1, new) - shared.gather(1, old) + noise
        self._taken(self.swap_keys.gather(1, pick), shared, variance)
        return pick, score

    def _scores(self, margin: Tensor, variance: Tensor) -> Tensor:
        """(L, q) of margins (L, r, q) and variances (L, q)."""
        deviation = variance.clamp(min=0).sqrt_()[:, None]
        return (margin / (deviation * self.scale).add_(CALM)).amin(1)

    def _shared(self, chosen: Tensor) -> Tensor:
        """(L, q, m): the covariances of chosen cells (L, q) with all."""
        rows = (chosen + self._row).flatten()
        return self.covariance.flatten(0, 1).index_select(0, rows).view(*chosen.shape, -1)

    def _taken(self, key: Tensor, shared: Tensor, variance: Tensor) -> None:
        """Bar the set of this key (L, 1); leave of the covariance what its answer will not have explained.

        shared (L, m) is the answer's covariance with the cells, variance (L, 1) its own.
        """
        self.used = torch.cat([self.used, key], 1)
        self.covariance.addcmul_(shared[:, :, None], (shared / variance)[:, None], value=-1)
        if self.swap_keys.shape[1]:
            self.swap_margin.masked_fill_((self.swap_keys == key)[:, None], torch.inf)
            step = (shared[:, None] - shared[:, : self.size, None]).flatten(1)
            self.swap_variance.addcmul_(step, step / variance, value=-1)


def _shortlist(drops: Tensor, variance: Tensor, scale: Tensor, size: int) -> Tensor:
    """(L, m): the most promising positions for one rival and the other, in their most promising colour.

    In the order of positions, since rows of memory are read at them; only where there are too few, one comes twice.
    """
    deviation = variance.clamp(min=0).sqrt_()[:, None]
    value, colour = torch.addcmul(drops, deviation, 2 * scale[..., None]).max(2)
    count, (colours, positions) = max(SHORTLIST, 2 * size), drops.shape[2:]
    top = value.topk(min(count, positions), 2).indices
    by_rank = (top * colours + colour.gather(2, top)).mT.flatten(1)  # the best for each rival, the second best, ...
    cells, rank = by_rank.sort(dim=1, stable=True)
    rank[:, 1:] += (cells[:, 1:] == cells[:, :-1]) * rank.shape[1]
    cells = cells.gather(1, rank.topk(min(count, rank.shape[1]), largest=False).indices.sort(1).values)
    return cells // colours + cells % colours * positions


def _among(keys: Tensor, used: Tensor) -> Tensor:
    """(L, q) bool: which of the keys (L, q) are among those used, (L, n)."""
    used = used.sort(1).values
    place = torch.searchsorted(used, keys).clamp_(max=used.shape[1] - 1)
    return used.gather(1, place) == keys
