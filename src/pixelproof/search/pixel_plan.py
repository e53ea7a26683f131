"""Which sets of cells to try next, given a landscape."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pixelproof.search.pixel_landscape import Landscape

RIVALS = 2  # classes that sets are made for, those nearest to the true one
SHORTLIST = 64  # positions each
HOPES = (0.5, 1.0, 2.0, 4.0)  # standard deviations that a set is composed by
CALM = 0.05  # a margin so small that sure knowledge of it is no success
APART = 2.5  # pixels between the cells of one scan, at least


@dataclass
class Plan:
    """q probes, the swaps last. ``sets`` (q, e) are their cells; ``cells`` and ``signs`` (q, e) what is to be observed
    of each: of a swap what it brings, less what it takes, and zeros. ``best`` () is the lowest score among them.
    """

    sets: Tensor
    cells: Tensor
    signs: Tensor
    swaps: int
    best: Tensor


@dataclass
class Incumbent:
    """The best set so far: its e cells and its K margins."""

    cells: Tensor
    margins: Tensor


def pruned(landscape: Landscape, incumbent: Incumbent, size: int) -> Plan:
    """The ``size`` cells of the incumbent that do most to the nearest rival's margin."""
    effects = landscape.drops(incumbent.margins.argmin()[None]).flatten(1)[:, incumbent.cells]
    sets = incumbent.cells[effects.topk(size, 1).indices]
    return Plan(sets, sets, torch.ones_like(sets, dtype=torch.float32), 0, effects.new_zeros(()))


def scan(landscape: Landscape, tried: Tensor, count: int) -> Plan:
    """The ``count`` most promising single cells that lie apart; tried (n, 1) are the earlier ones."""
    place, positions = landscape.prior.place, landscape.prior.positions
    drops = landscape.drops(torch.arange(landscape.outputs, device=place.device))
    deviation = landscape.variance.clamp(min=0).sqrt()
    margin = landscape.level[:, None, None] - drops
    score = (margin / (deviation * landscape.scale()[:, None, None] + CALM)).amin(0)
    score.view(-1)[tried] = torch.inf
    lowest, colour = score.min(0)
    best, cells = lowest.amin(), []
    for _ in range(count):
        position = lowest.argmin()
        cells.append(position + colour[position] * positions)
        lowest.masked_fill_((place - place[position]).square().sum(1) <= APART**2, torch.inf)
    chosen = torch.stack(cells)[:, None]
    return Plan(chosen, chosen, torch.ones_like(chosen, dtype=torch.float32), 0, best)


class Pool:
    """Fresh sets, and swaps of the incumbent, with the score of each: the predicted margin of the nearest rival over
    its standard deviation. What is taken conditions what is left, so that a batch does not ask one thing twice.
    """

    def __init__(self, landscape: Landscape, incumbent: Incumbent | None, size: int, used: Tensor) -> None:
        """size: cells of a set. used (n,): the sums of the keys of sets that were asked before."""
        keys = landscape.prior.keys
        level = landscape.level if incumbent is None else incumbent.margins
        rivals = level.topk(min(RIVALS, len(level)), largest=False).indices
        self.scale = landscape.scale()[rivals]
        drops = landscape.drops(rivals)
        self.cells = _shortlist(drops, landscape.variance, self.scale, size)
        if incumbent is not None:
            self.cells = torch.cat([incumbent.cells, self.cells])
        self.place = self.cells % landscape.prior.positions
        self.gain = drops.flatten(1)[:, self.cells].T  # (m, rivals)
        self.covariance = landscape.covariance(self.cells)
        self.size, self.level, self.keys = size, landscape.level[rivals], keys[self.cells]
        self.used = used
        self.kept = self.cells[:0] if incumbent is None else incumbent.cells
        self.swap_margin = level[rivals] + self.gain[: len(self.kept), None] - self.gain
        self.swap_keys = keys[self.kept].sum() - keys[self.kept][:, None] + self.keys
        self.swap_barred = self._collides() | torch.isin(self.swap_keys, self.used)

    def take(self, fresh: int, swaps: int, noise: tuple[float, float]) -> Plan:
        """The best sets and swaps, one after the other; noise is the variance of an answer to either."""
        probes = [self._set(noise[0]) for _ in range(fresh)] + [self._swap(noise[1]) for _ in range(swaps)]
        sets, cells, signs, scores = (torch.stack(parts) for parts in zip(*probes, strict=True))
        return Plan(sets, cells, signs, swaps, scores.amin())

    def _compose(self) -> Tensor:
        """(rivals × hopes, size): sets that grow by the cell that adds most to mean + hope × standard deviation."""
        hopes = self.scale.new_tensor(HOPES)
        reward = self.gain.T.repeat_interleave(len(hopes), 0)
        hope = (self.scale[:, None] * hopes).flatten()[:, None]
        own = self.covariance.diagonal()
        variance, shared, barred = torch.zeros_like(hope), torch.zeros_like(reward), torch.zeros_like(reward)
        picks = []
        for _ in range(self.size):
            grown = (own + variance).add_(shared, alpha=2)
            pick = grown.clamp(min=0).sqrt_().mul_(hope).add_(reward).sub_(barred).argmax(1)
            picks.append(pick)
            variance = grown.gather(1, pick[:, None])
            shared += self.covariance[pick]
            barred.masked_fill_(self.place == self.place[pick][:, None], torch.inf)
        return torch.stack(picks, 1)

    def _collides(self) -> Tensor:
        """(e, m) bool: the swap brings a second cell to the position of one that stays."""
        same = self.place[: len(self.kept), None] == self.place
        return same.sum(0) > same.long()

    def _set(self, noise: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Set, cells, signs and score of the best fresh set left."""
        fresh = self._compose()
        keys = self.keys[fresh].sum(1)
        variance = self.covariance[fresh[:, :, None], fresh[:, None]].sum((1, 2))
        scores = self._scores(self.level - self.gain[fresh].sum(1), variance)
        score, pick = scores.masked_fill_(torch.isin(keys, self.used), torch.inf).min(0)
        chosen = fresh[pick]
        shared = self.covariance[chosen].sum(0)
        self._taken(keys[pick], shared, shared[chosen].sum() + noise)
        cells = self.cells[chosen]
        return cells, cells, torch.ones_like(self.scale[:1]).expand(len(cells)), score

    def _swap(self, noise: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Set, cells, signs and score of the best swap left."""
        own, size = self.covariance.diagonal(), len(self.kept)
        variance = (own + own[:size, None]).sub_(self.covariance[:size], alpha=2)
        scores = self._scores(self.swap_margin, variance).masked_fill_(self.swap_barred, torch.inf)
        score, pick = scores.flatten().min(0)
        old, new = pick // len(self.cells), pick % len(self.cells)
        shared = self.covariance[new] - self.covariance[old]
        self._taken(self.swap_keys.view(-1)[pick], shared, shared[new] - shared[old] + noise)
        chosen, cells, signs = self.kept.clone(), torch.zeros_like(self.kept), self.scale.new_zeros(size)
        chosen[old] = self.cells[new]
        cells[0], cells[1] = self.cells[new], self.kept[old]
        signs[0], signs[1] = 1, -1
        return chosen, cells, signs, score

    def _scores(self, margin: Tensor, variance: Tensor) -> Tensor:
        deviation = variance.clamp_(min=0).sqrt_()[..., None]
        return (margin / (deviation * self.scale + CALM)).amin(-1)

    def _taken(self, key: Tensor, shared: Tensor, variance: Tensor) -> None:
        """Bar the set of this key; leave of the covariance what an answer of this variance will not have explained."""
        self.used = torch.cat([self.used, key[None]])
        self.swap_barred |= self.swap_keys == key
        self.covariance.addr_(shared, shared / variance, alpha=-1)


def _shortlist(drops: Tensor, variance: Tensor, scale: Tensor, size: int) -> Tensor:
    """(m,): for each rival the most promising positions, in their most promising colour."""
    hopeful = variance.clamp(min=0).sqrt().mul(2 * scale[:, None, None]).add_(drops)
    value, colour = hopeful.max(1)
    top = value.topk(min(max(SHORTLIST, 2 * size), value.shape[1]), 1).indices
    return (top + colour.gather(1, top) * drops.shape[2]).flatten()
