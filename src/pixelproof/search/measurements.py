"""What the lanes of a cohort have measured of the margins around their best points, and the gradients that follow."""

from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import Tensor
from torch.nn import functional as F

from pixelproof.search.lane_regression import SILENT, Factor, Noise, Posterior, mean, upper_factor

#: Largest margin that enters the regression; beyond it, as where a probability is zero, the score says nothing.
LARGEST_MARGIN = 1e4
#: Variance that float32 leaves in a difference of two points, as a share of their own.
ROUNDING = 1e-5
#: Measurements kept where few were asked, and the share kept of many: late, 720 are too few for a gradient of 3,072
#: numbers. On 64 images of the public ResNet-20, from 5,000 on, th = 1 fooled 75 % in 4,000 queries with 720, and 81 %
#: with up to 1,500.
KEPT, KEPT_SHARE = 720, 1 / 2
#: Rows there is memory for at the start, and by how much it grows where they do not suffice.
FIRST_ROWS, GROWTH = 64, 1.5
#: Parts in which the Gram matrix is made anew; half of it follows by symmetry.
PARTS = 8

#: Some lanes: a view of those that lie side by side, or a copy of any, (n,).
Lanes = slice | Tensor

_Entry = TypeVar("_Entry")


class Measurements:
    """Up to ``capacity`` measured points of every lane: whitened coordinates, their Gram matrices, the margins.

    Coordinates are those of an `ImageBasis` times the roots of the prior variances, so that a gradient is a priori
    N(0, I) times an amplitude.

    Those that live are the first ``lanes``. They are asked together, so that all have as many ``rows``; those that say
    nothing count as noise alone. An attribute that is a tensor has a leading lane axis.
    """

    def __init__(self, lanes: int, capacity: int, dimension: int, root: Tensor, hints: int = 0) -> None:
        """dimension: H·W·C. root: the roots of the prior variances, (size,); the last of them are those of hints."""
        held, device = min(capacity, FIRST_ROWS), root.device
        self.slots = self.lanes = lanes
        self.rows = self.asked = 0
        self.moving = False  # whether a lane has ``moved``
        self._capacity, self._most, self._factored = capacity, 0, 0
        self._noise: Noise | None = None
        self._plain = len(root) - hints
        self._stale, self._followed = [True] * lanes, [root] * lanes
        self._root = root.repeat(lanes, 1)
        self._u = torch.zeros(lanes, held, len(root), device=device)
        self._short = self._u.bfloat16()  # for products that may err
        self._told = torch.zeros(lanes, held, dtype=torch.bool, device=device)
        self._margins = torch.zeros(lanes, held, 0, device=device)
        self._gram = torch.zeros(lanes, held, held, device=device)
        self._upper, self._variance = torch.zeros_like(self._gram), torch.zeros(lanes, held, device=device)
        self._usual, self._rounding = torch.zeros(lanes, device=device), torch.zeros(lanes, device=device)
        self._best = torch.zeros(lanes, dtype=torch.long, device=device)
        self._lowest = torch.full((lanes,), torch.inf, device=device)
        self._point = torch.zeros(lanes, dimension, device=device)
        self._moved = torch.zeros(lanes, dtype=torch.bool, device=device)

    @property
    def point(self) -> Tensor:
        """(lanes, H·W·C) the changes at the best points."""
        return self._point[: self.lanes]

    @property
    def moved(self) -> Tensor:
        """(lanes,) bool: the box is a new one, and the best point will be the best of those added next."""
        return self._moved[: self.lanes]

    @property
    def known(self) -> Tensor:
        """(slots,) int64: measurements of every lane, ended ones too, that say something."""
        return self._told.sum(1)

    def move(self, lanes: Tensor) -> None:
        """The boxes of these ``lanes``, (lanes,) bool, are new ones."""
        self._moved[: self.lanes] |= lanes & (self.known[: self.lanes] > 0)
        self.moving = True

    def keep(self, stays: Sequence[bool]) -> list[int]:
        """End the lanes, of those that live, that do not stay; returns by what old lanes the new ones stand."""
        count, lanes = sum(stays), list(range(self.lanes))
        gone = [lane for lane in lanes[:count] if not stays[lane]]
        last = [lane for lane in lanes[count:] if stays[lane]]
        if gone:
            mine, theirs = gone + last, last + gone
            to, source = (torch.tensor(places, device=self._u.device) for places in (mine, theirs))
            for block in vars(self).values():
                if isinstance(block, Tensor):
                    block[to] = block[source]
            _exchange(self._stale, gone, last)
            _exchange(self._followed, gone, last)
            _exchange(lanes, gone, last)
        self.lanes = count
        return lanes[:count]

    def add(self, changes: Tensor, whitened: Tensor, margins: Tensor, answered: Tensor) -> None:
        """Remember q points a lane: changes (lanes, q, H·W·C), their whitened coordinates (lanes, q, size), margins
        (lanes, q, K), and which of them were answered (lanes, q)."""
        count, live = changes.shape[1], slice(self.lanes)
        if not self._margins.shape[2]:
            self._margins = self._margins.new_zeros(*self._told.shape, margins.shape[2])
        self._make_room(count)
        first, self.rows = self.rows, self.rows + count
        self._most = max(self._most, self.rows)
        new = slice(first, self.rows)
        self._u[live, new] = whitened
        self._short[live, new] = whitened
        self._margins[live, new] = (
            margins.float().where(answered.unsqueeze(2), LARGEST_MARGIN).clamp(max=LARGEST_MARGIN)
        )
        block = whitened @ self._u[live, : self.rows].mT
        self._gram[live, new, : self.rows] = block
        self._gram[live, : self.rows, new] = block.mT
        self._told[live, new] = self._are_new(block, answered)
        changed = self._find_best(changes)
        counts = torch.stack([answered.sum(1).amax(), self.moved.sum()])
        *better, most, moved = torch.cat([changed, counts]).tolist()
        self.asked, self.moving = self.asked + most, moved > 0
        self._stale[live] = [old or bool(new) for old, new in zip(self._stale[live], better, strict=True)]

    def condition_on(self, margins: Tensor) -> None:
        """Begin with the unchanged images; their margins (lanes, K) cost no query."""
        usable = (margins < LARGEST_MARGIN).any(1, keepdim=True)
        self.add(self._point.unsqueeze(1), torch.zeros_like(self._u[:, :1]), margins.unsqueeze(1), usable)
        self.asked = 0

    def _are_new(self, block: Tensor, answered: Tensor) -> Tensor:
        """(lanes, q) which points were answered and are no repetitions: a point asked again teaches nothing.

        block (lanes, q, rows): products of the new points, the last rows, with all.
        """
        before = self.rows - block.shape[1]
        squares = self._squares(slice(self.lanes), self.rows)
        own = squares[:, before:].unsqueeze(2)
        heard = torch.cat([self._told[: self.lanes, :before], answered], 1)
        apart = own + squares.unsqueeze(1) - 2 * block
        return answered & ~((apart < ROUNDING * own) & heard.unsqueeze(1)).tril(before - 1).any(2)

    def _find_best(self, changes: Tensor) -> Tensor:
        """(lanes,) bool: where one of the new points, the last rows, is the best."""
        first, live = self.rows - changes.shape[1], slice(self.lanes)
        silent = ~self._told[live, first : self.rows]
        lowest, place = self._margins[live, first : self.rows].amin(2).masked_fill(silent, torch.inf).min(1)
        better = lowest < self._lowest[live].masked_fill(self.moved, torch.inf)
        found = changes[_lanes(place), place]
        self._lowest[live] = lowest.where(better, self._lowest[live])
        self._best[live] = (first + place).where(better, self._best[live])
        self._point[live] = found.where(better.unsqueeze(1), self.point)
        self._moved[live] &= ~better
        return better

    def follow(self, root: Tensor, lanes: slice) -> None:
        """Let ``lanes`` take over the roots, (size,), of a prior that was learnt anew."""
        if all(known is root for known in self._followed[lanes]):
            return
        rows = self._rows_of(lanes)
        u = self._u[lanes, :rows]
        u *= (root / self._root[lanes]).unsqueeze(1)
        self._short[lanes, :rows] = u
        step = -(-rows // PARTS)
        for first in range(0, rows, step):
            last = min(first + step, rows)
            self._gram[lanes, first:last, :last] = u[:, first:last] @ u[:, :last].mT
            self._gram[lanes, :first, first:last] = self._gram[lanes, first:last, :first].mT
        self._root[lanes] = root
        count = len(self._followed[lanes])
        self._followed[lanes], self._stale[lanes] = [root] * count, [True] * count

    def posterior(self, noise: Noise, rivals: int) -> Posterior:
        """The regressions of the margins of the ``rivals`` nearest rivals, of all that live."""
        self._refresh(noise)
        live, n = slice(self.lanes), self.rows
        factor = Factor(self._upper[live, :n, :n], self._variance[live, :n], self._usual[live], self._rounding[live])
        return self._regression(live, factor, rivals)

    def regression(self, lanes: slice, noise: Noise, rivals: int) -> Posterior:
        """The same of any lanes, ended ones too, and any noise; what is kept for `posterior` stays."""
        return self._regression(lanes, self._factor_all(lanes, self._rows_of(lanes), noise), rivals)

    def _regression(self, lanes: slice, factor: Factor, rivals: int) -> Posterior:
        rows = factor.variance.shape[1]
        margins, told, best = self._margins[lanes, :rows], self._told[lanes, :rows], self._best[lanes]
        all_here = margins[_lanes(best), best]
        here, nearest = all_here.topk(min(rivals, all_here.shape[1]), largest=False)
        differences = margins.gather(2, nearest.unsqueeze(1).expand(-1, rows, -1)) - here.unsqueeze(1)
        weights = factor.solve(differences)
        # No more numbers are explained than a gradient has: in few dimensions it would vanish, and exploring with it.
        numbers = told.sum(1, keepdim=True).clamp(1, self._u.shape[2])
        amplitudes = (differences * weights).sum(1).clamp(min=1e-12) / numbers
        followed = here < LARGEST_MARGIN
        followed[:, 0] = True
        return Posterior(factor, told, followed, here, differences, weights, amplitudes)

    def back(self, lanes: slice, weights: Tensor) -> Tensor:
        """Rᵀ weights, (L, T, size), for weights (L, n, T), where the rows of R are u less that of the best point."""
        # Whole blocks, as products of parts would first copy these.
        wide = F.pad(weights, (0, 0, 0, self._u.shape[1] - weights.shape[1])).mT.bfloat16().contiguous()
        best = self._best[lanes]
        at = self._u[lanes][_lanes(best), best].unsqueeze(1)
        return (wide @ self._short[lanes]).float() - weights.sum(1).unsqueeze(2) * at

    def along(self, directions: Tensor) -> Tensor:
        """R directionsᵀ, (lanes, rows, k), for directions (lanes, k, size), of all that live."""
        seen = (self._short[: self.lanes] @ directions.bfloat16().mT)[:, : self.rows].float()
        best = self._best[: self.lanes]
        return seen - seen[_lanes(best), best].unsqueeze(1)

    def _rows_of(self, lanes: slice) -> int:
        """Rows of some lanes; of ended ones any beyond their own say nothing."""
        return self.rows if lanes.stop <= self.lanes else self._most

    def _squares(self, lanes: Lanes, rows: int) -> Tensor:
        """(L, rows) the diagonals of the Gram matrices."""
        return self._gram[lanes, :rows, :rows].diagonal(dim1=1, dim2=2)

    def _prior(self, lanes: Lanes, rows: int, first: int = 0) -> Tensor:
        """K = R Rᵀ, (L, rows, rows), from row ``first`` on."""
        gram, best = self._gram[lanes, :rows, :rows], self._best[lanes]
        at = gram[_lanes(best), best]
        rest = at - at.gather(1, best.unsqueeze(1))
        return (gram[:, first:] - at[:, first:].unsqueeze(2)).sub_(rest.unsqueeze(1))

    def _without_hints(self, diagonal: Tensor, lanes: Lanes, first: int, last: int) -> Tensor:
        """The diagonal of K, (L, last - first) of these rows, less what hints have in it: how far points lie.

        A long way along a hint is no longer than any other.
        """
        if self._plain == self._u.shape[2]:
            return diagonal
        hints, best = self._u[lanes, :, self._plain :], self._best[lanes]
        here = hints[_lanes(best), best].unsqueeze(1)
        return diagonal - (hints[:, first:last] - here).square().sum(2)

    def _refresh(self, noise: Noise) -> None:
        """Bring the factors up to date: by the rows that have come, where nothing else has changed, or anew."""
        if noise != self._noise:
            self._noise, self._stale = noise, [True] * self.slots
        if self._factored < self.rows:
            self._extend(noise)
        if any(self._stale[: self.lanes]):
            lanes, rows = self._which(True), self.rows
            factor = self._factor_all(lanes, rows, noise)
            self._upper[lanes, :rows, :rows] = factor.upper
            self._variance[lanes, :rows] = factor.variance
            self._usual[lanes], self._rounding[lanes] = factor.usual, factor.rounding
        self._stale[: self.lanes] = [False] * self.lanes
        self._factored = self.rows

    def _which(self, stale: bool) -> Lanes:
        """The lanes that live and whose factors are stale, or are not."""
        chosen = [lane for lane in range(self.lanes) if self._stale[lane] == stale]
        return slice(self.lanes) if len(chosen) == self.lanes else torch.tensor(chosen, device=self._u.device)

    def _factor_all(self, lanes: Lanes, rows: int, noise: Noise) -> Factor:
        prior, told = self._prior(lanes, rows), self._told[lanes, :rows]
        diagonal = prior.diagonal(dim1=1, dim2=2)
        kappa = self._without_hints(diagonal, lanes, 0, rows)
        usual = mean(kappa, told)
        rounding = (ROUNDING * mean(self._squares(lanes, rows), told)).clamp(min=1e-12)
        variance = (noise.variance(kappa, usual) + rounding.unsqueeze(1)).where(told, SILENT)
        diagonal += variance
        return Factor(upper_factor(prior, told), variance, usual, rounding)

    def _extend(self, noise: Noise) -> None:
        """Append the rows that have come to the factors that are not stale; those become it for which float32 does not
        suffice."""
        if all(self._stale[: self.lanes]):
            return
        lanes, before, rows = self._which(False), self._factored, self.rows
        prior = self._prior(lanes, rows, before)
        corner = prior[:, :, before:]
        kappa = self._without_hints(corner.diagonal(dim1=1, dim2=2), lanes, before, rows)
        known = noise.variance(kappa, self._usual[lanes])
        known = known + self._rounding[lanes].unsqueeze(1)
        variance = known.where(self._told[lanes, before:rows], SILENT)
        upper = self._upper[lanes, :before, :before]
        above = torch.linalg.solve_triangular(upper.mT, prior[:, :, :before].mT, upper=False)
        inner, failed = torch.linalg.cholesky_ex(corner + torch.diag_embed(variance) - above.mT @ above)
        self._upper[lanes, :before, before:rows] = above
        self._upper[lanes, before:rows, before:rows] = inner.mT
        self._variance[lanes, before:rows] = variance
        fresh = iter(failed.tolist())
        self._stale[: self.lanes] = [old or next(fresh) > 0 for old in self._stale[: self.lanes]]

    def _make_room(self, count: int) -> None:
        """For ``count`` rows more, in memory and among what is kept."""
        room = min(self._capacity, max(KEPT, int(KEPT_SHARE * (self.asked + count))))
        if self.rows + count > room:
            self._forget(room - 4 * count)
        rows, held = self.rows + count, self._u.shape[1]
        if rows > held:
            most = min(KEPT if rows <= KEPT else self._capacity, self._capacity)
            self._hold(min(max(rows, int(GROWTH * held)), most) - held)

    def _hold(self, more: int) -> None:
        """Make room in memory for more rows, which say nothing yet."""
        self._u, self._short, self._margins = (_longer(x, more) for x in (self._u, self._short, self._margins))
        self._told, self._variance = _longer(self._told, more), _longer(self._variance, more)
        self._gram, self._upper = F.pad(self._gram, (0, more, 0, more)), F.pad(self._upper, (0, more, 0, more))

    def _forget(self, rows: int) -> None:
        """Keep the ``rows`` points nearest to the best one: the model is local. What lies in the last rows and is kept
        takes the places of what is not: to move a few is cheaper than to sort all."""
        live = slice(self.lanes)
        to, source = self._places(rows)
        number = _lanes(to).unsqueeze(1)
        for block in (self._u, self._short, self._margins, self._told, self._gram):
            block[number, to] = block[number, source]
        self._gram.mT[number, to] = self._gram.mT[number, source]
        self._told[live, rows:] = False
        at = (source == self._best[live].unsqueeze(1)) & (source >= rows)
        self._best[live] = to.masked_fill(~at, 0).sum(1).where(at.any(1), self._best[live])
        self.rows, self._factored = rows, 0
        self._stale[live] = [True] * self.lanes

    def _places(self, rows: int) -> tuple[Tensor, Tensor]:
        """(lanes, n) rows to be overwritten, and by which; where there are fewer than n, by themselves."""
        live, before = slice(self.lanes), self.rows
        distance = self._without_hints(self._prior(live, before).diagonal(dim1=1, dim2=2), live, 0, before)
        distance = distance.where(self._told[live, :before], torch.inf)
        nearest = distance.argsort(dim=1, stable=True)[:, :rows]
        kept = torch.zeros_like(distance, dtype=torch.long).scatter_(1, nearest, 1)
        most = min(rows, before - rows)
        to = kept[:, :rows].argsort(dim=1, stable=True)[:, :most]
        source = rows + kept[:, rows:].argsort(dim=1, descending=True, stable=True)[:, :most]
        return to, source.where(kept.gather(1, source) > 0, to)


def _exchange(entries: list[_Entry], some: Sequence[int], others: Sequence[int]) -> None:
    for one, two in zip(some, others, strict=True):
        entries[one], entries[two] = entries[two], entries[one]


def _longer(values: Tensor, more: int) -> Tensor:
    """Values (L, n, …) and so many zeros, (L, n + more, …)."""
    return torch.cat([values, values.new_zeros(len(values), more, *values.shape[2:])], 1)


def _lanes(values: Tensor) -> Tensor:
    """(L,) the numbers 0, 1, … of the entries of values (L, …), to index by."""
    return torch.arange(len(values), device=values.device)
