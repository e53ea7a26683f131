"""What every search is: the base that owns lanes, generators and the order of calls.

A *lane* is one independent search. A `Search` holds many of them in one state with a leading lane axis,
and advances all of them with one `ask` and one `tell`. What a lane does depends on its start, its bounds,
its generator and the fitness it is told, and on nothing else: it is bit for bit the same whatever lanes
lie beside it, in what slot it lies, and how many threads torch uses. Sums over an axis are therefore
taken by `ordered_sum`, and never by a kernel whose order of additions may follow the shape or the
alignment of the whole batch.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Generic, Self, TypeVar

import torch
from torch import Tensor


def ordered_sum(values: Tensor, dim: int) -> Tensor:
    """Sum over one axis by halving, in an order that depends on the length of that axis alone.

    Only additions of whole slices are used, so that the bits are the same for any other axes, slot,
    alignment, number of threads or device. `values` is left as it is; its axis `dim` is gone from the
    result.
    """
    length = values.shape[dim]
    if length == 1:
        return values.squeeze(dim)
    half = (length + 1) // 2
    total = values.narrow(dim, 0, half).clone()
    total.narrow(dim, 0, length - half).add_(values.narrow(dim, half, length - half))
    while half > 1:
        length, half = half, (half + 1) // 2
        total.narrow(dim, 0, length - half).add_(total.narrow(dim, half, length - half))
    return total.select(dim, 0)


def best_of_round(fitness: Tensor, incumbent: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Of fitness (lanes, population) and that of the incumbents, (lanes,) float64: the best candidate (lanes,) int64,
    whether it is better (lanes,) bool, and the fitness of whichever is."""
    best = fitness.argmin(1)
    told = fitness.gather(1, best[:, None]).squeeze(1).double()
    better = told < incumbent
    return best, better, torch.where(better, told, incumbent)


def require_finite(what: str, *values: Tensor) -> None:
    """Raise ValueError, beginning with ``what``, where one of ``values``, all of one shape, is infinite or NaN."""
    usable = torch.stack([each.isfinite() for each in values]).all(0)
    if unusable := int((~usable).sum()):
        raise ValueError(f"{what} not finite in {unusable} of {usable.numel()} entries")


@dataclass
class LaneState:
    """What a search remembers: a field is a tensor with a leading lane axis, or a list, an entry a lane."""

    def joined(self, other: Self) -> Self:
        """This state followed by the lanes of another."""
        merged = {}
        for field in fields(self):
            mine, theirs = getattr(self, field.name), getattr(other, field.name)
            merged[field.name] = mine + theirs if isinstance(mine, list) else torch.cat([mine, theirs])
        return type(self)(**merged)

    def kept(self, mask: Tensor) -> Self:
        """The lanes where mask, (lanes,) bool, is True."""
        chosen = mask.tolist()
        left = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, list):
                left[field.name] = [entry for entry, stays in zip(value, chosen, strict=True) if stays]
            else:
                left[field.name] = value[mask.to(value.device)]
        return type(self)(**left)


State = TypeVar("State", bound=LaneState)


class LaneSearch(ABC, Generic[State]):
    """A batched ask/tell minimiser. `ask`, evaluate, `tell`, `stalled`; between rounds, `keep` and `add`.

    A search writes four methods. The public ones leave the caller's inference mode: a state made inside it must change
    outside it too.
    """

    dimension: int
    population: int  # candidates per lane and ask, at most
    reads_margins = False  # whether `tell` should be given them
    learns_together = False  # whether lanes of one `add` depend on each other; on others no lane ever does
    takes_limits = False  # whether `limit` may be called

    def __init__(self, dimension: int, population: int, smallest_population: int) -> None:
        if dimension < 1:
            raise ValueError(f"dimension is {dimension}, must be at least 1")
        if population < smallest_population:
            raise ValueError(f"population is {population}, must be at least {smallest_population}")
        self.dimension = dimension
        self.population = population
        self._state: State | None = None
        self._generators: list[torch.Generator] = []
        self._beginning: Sequence[torch.Generator] = ()
        self._clean: Tensor | None = None
        self._hints: Tensor | None = None
        self._device = torch.device("cpu")
        self._asked = False

    @abstractmethod
    def _begin(self, start: Tensor, lower: Tensor, upper: Tensor, images: Tensor | None) -> State:
        """The state of new lanes; the tensors, (n, dimension) and (n, H, W, C), are the search's own.

        What else there is to know of them, for the time of this call: their generators, ``_beginning``, and the margins
        (n, K) of their images, ``_clean``, and hints (n, S, H, W, C), ``_hints``, or None.
        """

    @abstractmethod
    def _propose(self, state: State) -> Tensor:
        """The candidates, (lanes, population, dimension) float32."""

    @abstractmethod
    def _learn(self, state: State, fitness: Tensor, margins: Tensor | None) -> None:
        """Change the state by the fitness, (lanes, population), finite, and the margins, (lanes, population, K)."""

    @abstractmethod
    def _exhausted(self, state: State) -> Tensor:
        """(lanes,) bool, on any device."""

    def _wanted(self, state: State) -> Tensor:
        """(lanes,) int64, on any device."""
        return torch.full((self.lanes,), self.population)

    def _infeasible(self, state: State) -> Tensor:
        """(lanes,) bool, on any device."""
        return torch.zeros(self.lanes, dtype=torch.bool)

    def _swept(self, state: State) -> Tensor:
        """(lanes,) int64, on any device."""
        return torch.zeros(self.lanes, dtype=torch.int64)

    def _limit(self, state: State, limits: list[int]) -> None:
        raise RuntimeError(f"{type(self).__name__} takes no limits")

    @property
    def lane_bytes(self) -> int:
        """Memory that a lane takes at most, in bytes, about."""
        return 4 * self.dimension * (3 + 2 * self.population)

    @property
    def lanes(self) -> int:
        """Lanes now held; they lie in order of addition."""
        return len(self._generators)

    @torch.inference_mode(mode=False)
    def add(
        self,
        start: Tensor,
        lower: Tensor,
        upper: Tensor,
        generators: Sequence[torch.Generator],
        images: Tensor | None = None,
        margins: Tensor | None = None,
        hints: Tensor | None = None,
    ) -> None:
        """Append n lanes: start, lower, upper (n, dimension) float32 on one device, one generator a lane,
        all distinct; images (n, H, W, C) float32, the clean ones, 0-255, at which only a structured search looks;
        margins (n, K) of these, as `tell` is given them, where they are known; hints (n, S, H, W, C), S directions that
        the gradients of the margins there may resemble, where there are some and the search takes them.

        The arguments are copied. Raises ValueError for wrong shapes, dtypes, bounds, margins or generators,
        RuntimeError between ask and tell.
        """
        self._refuse_between_ask_and_tell("add")
        self._check_rows(start=start, lower=lower, upper=upper)
        if crossed := int((~(lower <= upper)).sum()):
            raise ValueError(f"lower exceeds upper (or is NaN) in {crossed} of {lower.numel()} entries")
        self._check_generators(len(start), start.device, generators)
        if margins is not None and (margins.ndim != 2 or len(margins) != len(start) or not margins.is_floating_point()):
            expected = f"({len(start)}, K) floating"
            raise ValueError(f"margins are {tuple(margins.shape)} {margins.dtype}, must be {expected}")
        if len(start) == 0:
            return
        self._beginning = generators
        self._clean = None if margins is None else margins.detach().to(start.device)
        self._hints = None if hints is None else hints.detach().to(start.device, copy=True)
        own = [None if row is None else row.detach().clone() for row in (start, lower, upper, images)]
        fresh = self._begin(*own)  # type: ignore[arg-type]
        self._state = fresh if self._state is None else self._state.joined(fresh)
        self._generators.extend(generators)
        self._device = start.device

    @torch.inference_mode(mode=False)
    def keep(self, mask: Tensor) -> None:
        """Drop the lanes where mask, (lanes,) bool, is False; the order of the others stays.

        Raises ValueError for a wrong shape or dtype, RuntimeError between ask and tell.
        """
        self._refuse_between_ask_and_tell("keep")
        if mask.shape != (self.lanes,) or mask.dtype != torch.bool:
            raise ValueError(f"mask is {tuple(mask.shape)} {mask.dtype}, must be {(self.lanes,)} {torch.bool}")
        chosen = mask.tolist()
        if all(chosen) or self._state is None:
            return
        self._state = self._state.kept(mask) if any(chosen) else None
        self._generators = [g for g, stays in zip(self._generators, chosen, strict=True) if stays]

    @torch.inference_mode(mode=False)
    def ask(self) -> Tensor:
        """The next candidates, (lanes, population, dimension) float32, to be read and not written until
        `tell`.

        Raises RuntimeError when the last ask was not answered or no lane is held.
        """
        if self._asked:
            raise RuntimeError("ask was called 2 times for 0 tells: tell the fitness of the last ask first")
        if self._state is None:
            raise RuntimeError("ask needs at least 1 lane, 0 are held: add some first")
        candidates = self._propose(self._state).contiguous()
        expected = (self.lanes, self.population, self.dimension)
        if candidates.shape != expected or candidates.dtype != torch.float32:
            raise ValueError(f"candidates are {tuple(candidates.shape)} {candidates.dtype}, must be {expected} float32")
        self._asked = True
        return candidates

    def wanted(self) -> Tensor:
        """(lanes,) int64: how many of the candidates of the last ask, the first ones, are to be evaluated. The others
        are padding, and are told +inf.
        """
        if not self._asked or self._state is None:
            raise RuntimeError("wanted is of 1 ask, 0 are open: call ask first")
        return self._wanted(self._state).to(self._device)

    @torch.inference_mode(mode=False)
    def tell(self, fitness: Tensor, margins: Tensor | None = None) -> None:
        """Answer the last ask: fitness (lanes, population), floating, lower is better; what is not finite
        counts as worst, or as not evaluated.

        margins (lanes, population, K), where the caller has them: parts whose least is the fitness (z_y - z_k for
        every rival class k, +inf for y itself), from which a search that keeps a model learns more.

        Raises ValueError for a wrong shape or dtype, RuntimeError when nothing was asked.
        """
        if not self._asked or self._state is None:
            raise RuntimeError("tell answers 1 ask, 0 are open: call ask first")
        expected = (self.lanes, self.population)
        if fitness.shape != expected or not fitness.is_floating_point():
            raise ValueError(f"fitness is {tuple(fitness.shape)} {fitness.dtype}, must be {expected} floating")
        if margins is not None and (margins.ndim != 3 or margins.shape[:2] != expected):
            raise ValueError(f"margins are {tuple(margins.shape)}, must be {(*expected, 'K')}")
        worst = torch.finfo(fitness.dtype).max
        finite = torch.where(fitness.isfinite(), fitness.detach(), worst).to(self._device)
        self._learn(self._state, finite, None if margins is None else margins.detach().to(self._device))
        self._asked = False

    @torch.inference_mode(mode=False)
    def limit(self, limits: Tensor) -> None:
        """From now on the candidates of each lane keep within limits, (lanes,) int64, each from 1 to the threshold
        that the lane began with; all that was learnt is kept.

        Raises ValueError for a wrong shape or dtype, RuntimeError between ask and tell and where it is not taken.
        """
        self._refuse_between_ask_and_tell("limit")
        if limits.shape != (self.lanes,) or limits.dtype != torch.int64:
            raise ValueError(f"limits are {tuple(limits.shape)} {limits.dtype}, must be {(self.lanes,)} {torch.int64}")
        if self._state is not None:
            self._limit(self._state, limits.tolist())

    @torch.inference_mode(mode=False)
    def stalled(self) -> Tensor:
        """(lanes,) bool: the lane can make no more progress. Whether to restart it is the caller's choice."""
        if self._state is None:
            return torch.zeros(0, dtype=torch.bool, device=self._device)
        return self._exhausted(self._state).to(self._device)

    @torch.inference_mode(mode=False)
    def infeasible(self) -> Tensor:
        """(lanes,) bool: the model that the search keeps promises no success; to restart would not help."""
        if self._state is None:
            return torch.zeros(0, dtype=torch.bool, device=self._device)
        return self._infeasible(self._state).to(self._device)

    @torch.inference_mode(mode=False)
    def swept(self) -> Tensor:
        """(lanes,) int64: images of one changed pixel asked of those that a sweep goes through in order; 0 without."""
        if self._state is None:
            return torch.zeros(0, dtype=torch.int64, device=self._device)
        return self._swept(self._state).to(self._device)

    def _refuse_between_ask_and_tell(self, call: str) -> None:
        if self._asked:
            raise RuntimeError(f"{call} between ask and tell: 1 ask is open, 0 are allowed")

    def _check_rows(self, **rows: Tensor) -> None:
        count = len(rows["start"]) if rows["start"].ndim else 0
        device = self._device if self.lanes else rows["start"].device
        for name, row in rows.items():
            if row.shape != (count, self.dimension) or row.dtype != torch.float32:
                expected = f"{(count, self.dimension)} {torch.float32}"
                raise ValueError(f"{name} is {tuple(row.shape)} {row.dtype}, must be {expected}")
            if row.device != device:
                raise ValueError(f"{name} is on {row.device}, the other lanes are on {device}")

    def _check_generators(self, count: int, device: torch.device, generators: Sequence[torch.Generator]) -> None:
        if len(generators) != count:
            raise ValueError(f"{len(generators)} generators for {count} lanes, must be one a lane")
        every = [*self._generators, *generators]
        if len({id(generator) for generator in every}) != len(every):
            distinct = len({id(generator) for generator in every})
            raise ValueError(f"{distinct} distinct generators for {len(every)} lanes, must be one a lane")
        for generator in generators:
            if generator.device.type != device.type:
                raise ValueError(f"a generator is on {generator.device}, its lane on {device}")


#: Any search, whatever it remembers.
Search = LaneSearch[Any]
