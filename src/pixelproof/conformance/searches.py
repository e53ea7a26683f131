"""What the engine relies on in a search."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pixelproof.conformance.check import CPU, SHAPE, Checks, images, repeated, require, same
from pixelproof.conformance.runs import assessed
from pixelproof.engine.judge import Bound
from pixelproof.engine.levels import make_encoding
from pixelproof.plugins import Plugin
from pixelproof.search import Search
from pixelproof.search.registry import Constraint, Entry, Problem, search_entry
from pixelproof.seeds import stream
from pixelproof.units import to_levels

THRESHOLD, ROUNDS = 3, 12
KEYS = (3, 1, 4)  # of the lanes that are looked at


@dataclass(frozen=True)
class _Case:
    """A search for one constraint, driven as the engine does; the fitness of a lane follows from its key."""

    entry: Entry
    constraint: Constraint

    def build(self) -> Search:
        encoding = make_encoding(self.constraint, THRESHOLD, SHAPE)
        return self.entry.build(
            Problem(encoding.dimension, THRESHOLD, SHAPE, sigma=1.0 if self.entry.evolves else None)
        )

    def add(self, search: Search, keys: Sequence[int]) -> None:
        encoding = make_encoding(self.constraint, THRESHOLD, SHAPE)
        clean = torch.cat([to_levels(images(1, seed=key)) for key in keys])
        streams = [stream(CPU, "conformance", key) for key in keys]
        known = _margins(clean.flatten(1)[:, None], keys)[:, 0] if search.reads_margins else None
        search.add(encoding.start(clean, streams), *encoding.box(clean), streams, clean, known)

    def step(self, search: Search, keys: Sequence[int], allowed: int | None = None) -> Tensor:
        """The candidates, lanes×population×dimension, of one round, of which at most ``allowed`` are evaluated."""
        candidates = search.ask()
        wanted = search.wanted()
        _require_wanted(search, wanted)
        expected = (len(keys), search.population, search.dimension)
        require(candidates.shape == expected, f"candidates are {tuple(candidates.shape)}, expected {expected}")
        require(bool(candidates.isfinite().all()), "candidates are not finite")
        count = wanted if allowed is None else wanted.clamp(max=allowed)
        asked = torch.arange(search.population) < count[:, None]
        margins = _margins(candidates, keys)
        fitness = torch.where(asked, margins[..., 1:].amin(2), torch.inf)
        margins = torch.where(asked[..., None], margins, torch.inf)
        told = fitness.clone()
        search.tell(fitness, margins if search.reads_margins else None)
        require(torch.equal(fitness, told), "tell changes the fitness that it is given; work on a copy")
        return candidates.clone()

    def trace(self, keys: Sequence[int]) -> Tensor:
        """Rounds×lanes×population×dimension of lanes that begin together."""
        search = self.build()
        self.add(search, keys)
        return torch.stack([self.step(search, keys) for _ in range(ROUNDS)])


def _margins(points: Tensor, keys: Sequence[int]) -> Tensor:
    """lanes×population×3: those of two rivals, each a plane and a bowl; the true class 0 has none (+inf)."""
    lanes = []
    for row, key in zip(points, keys, strict=True):
        generator = torch.Generator().manual_seed(key)
        planes = torch.randn(2, row.shape[1], generator=generator) / row.shape[1]
        rivals = torch.stack([(row * plane).sum(1) + (row * row).mean(1) * 1e-4 for plane in planes], 1)
        lanes.append(torch.cat([torch.full((len(row), 1), torch.inf), rivals + 5], 1))
    return torch.stack(lanes)


def _require_wanted(search: Search, wanted: Tensor) -> None:
    fits = wanted.shape == (search.lanes,) and wanted.dtype == torch.int64
    require(fits, f"wanted is {tuple(wanted.shape)} {wanted.dtype}, expected {(search.lanes,)} int64")
    least, most = int(wanted.min()), int(wanted.max())
    require(
        1 <= least <= most <= search.population,
        f"{least} to {most} candidates are wanted of {search.population}: a lane that wants none never ends, and one "
        "that wants more ignores its budget",
    )


def _cases(plugin: Plugin) -> Iterator[_Case]:
    entry = search_entry(plugin.name)
    for constraint in ("few-pixel", "threshold") if entry.constraint is None else (entry.constraint,):
        yield _Case(entry, constraint)


def shapes(plugin: Plugin) -> None:
    for case in _cases(plugin):
        search = case.build()
        case.add(search, KEYS)
        case.step(search, KEYS)
        flags: dict[str, Callable[[], Tensor]] = {"stalled": search.stalled, "infeasible": search.infeasible}
        for name, call in flags.items():
            said = call()
            fits = said.shape == (len(KEYS),) and said.dtype == torch.bool
            require(fits, f"{name} is {tuple(said.shape)} {said.dtype}, expected {(len(KEYS),)} bool")


def budget(plugin: Plugin) -> None:
    """Also when the budget leaves room for one candidate alone."""
    for case in _cases(plugin):
        search = case.build()
        case.add(search, KEYS)
        for allowed in (None, None, 1, 1, None):
            case.step(search, KEYS, allowed)


def determinism(plugin: Plugin) -> None:
    for case in _cases(plugin):
        repeated(lambda case=case: case.trace(KEYS), "the search")  # type: ignore[misc]


def independence(plugin: Plugin) -> None:
    """Of the lanes beside it, of its place, and of comings and goings; those that learn together, of later ones."""
    for case in _cases(plugin):
        together = case.entry.learns_together
        first = KEYS if together else KEYS[1:2]
        expected = case.trace(first)
        search, keys = case.build(), [*first]
        case.add(search, keys)
        for round_ in range(ROUNDS):
            if round_ == 2:
                case.add(search, [7, 8])
                keys += [7, 8]
            if round_ == 5:
                search.keep(torch.tensor([key != 7 for key in keys]))
                keys.remove(7)
            found = case.step(search, keys)[: len(first)]
            require(same(found, expected[round_]), "a lane depends on lanes that came later, or on their going")
        if not together:
            beside = case.trace(KEYS)[:, 1:2]
            require(same(beside, expected), "a lane depends on the lanes beside it")


def limits(plugin: Plugin) -> None:
    for case in _cases(plugin):
        if not case.entry.takes_limits:
            continue
        search, encoding = case.build(), make_encoding(case.constraint, THRESHOLD, SHAPE)
        case.add(search, KEYS)
        clean = torch.cat([to_levels(images(1, seed=key)) for key in KEYS]).repeat_interleave(search.population, 0)
        for limit in (2, 1):
            case.step(search, KEYS)
            search.limit(torch.full((len(KEYS),), limit))
            found = encoding.decode(case.step(search, KEYS), clean[:: search.population])
            inside = bool(Bound(case.constraint, limit).allows(found, clean).all())
            require(inside, f"candidates leave the limit {limit} that the search was given")


def runs(plugin: Plugin) -> None:
    for case in _cases(plugin):
        assessed(plugin, search=plugin.name, attacks=case.constraint)


CHECKS: Checks = {
    "shapes and dtypes": shapes,
    "the budget is kept": budget,
    "it follows from its generators": determinism,
    "lanes do not depend on each other": independence,
    "limits are kept": limits,
    "a run resumes to the same records": runs,
}
