"""The cells of a grid of attacks, defences and targets, and what stands out among them."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from pixelproof.results.attempts import WORST, worst_cases
from pixelproof.results.intervals import Rate
from pixelproof.runs.record import Record


@dataclass(frozen=True)
class Place:
    """Where a cell stands. ``defence`` is empty for the bare model; ``access`` is how attacks met the defence."""

    model: str
    defence: str
    access: str
    attack: str  # its spec, or ``few-pixel, th = 3``
    target: str


@dataclass(frozen=True)
class GridCell:
    """One attack with one aim on one model behind one defence; distances in grey levels, means over nothing None."""

    place: Place
    fooled: Rate  # of the samples that the defended model classifies correctly
    mean_l2: float | None  # over fooled samples
    mean_linf: float | None
    mean_queries: float | None
    mean_gradient_steps: float | None
    seconds: float | None  # an image, of the attack; replays cost only what the attack did


@dataclass(frozen=True)
class DefenceCost:
    """What a defence costs a model where nobody attacks."""

    model: str
    defence: str  # empty for the bare model
    clean: Rate
    milliseconds: float | None  # an image, for the defence alone; not part of what is compared between machines


def cell(place: Place, records: Sequence[Record]) -> GridCell:
    """The cell of ``records``, one a sample, at ``place``."""
    won = [record for record in records if record.success]
    return GridCell(
        place=place,
        fooled=Rate(len(won), len(records)),
        mean_l2=_mean(won, lambda r: r.l2),
        mean_linf=_mean(won, lambda r: r.linf),
        mean_queries=_mean(records, lambda r: r.queries),
        mean_gradient_steps=_mean(records, lambda r: r.gradient_steps),
        seconds=_mean(records, lambda r: r.seconds),
    )


def attack_label(record: Record) -> str:
    """What tells attacks of a grid apart: the spec, or the attack with its level."""
    return f"{record.attack}, th = {record.level}" if record.levelled else record.spec


def cells(model: str, defence: str, access: str, target: str, records: Iterable[Record]) -> list[GridCell]:
    """A cell for each attack (and level) in ``records``, in their order; then one for each sample's worst case."""
    groups: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        groups[attack_label(record)].append(record)
    found = [cell(Place(model, defence, access, attack, target), group) for attack, group in groups.items()]
    if len(groups) > 1:
        everything = [record for group in groups.values() for record in group]
        found.append(cell(Place(model, defence, access, WORST, target), worst_cases(everything)))
    return found


@dataclass(frozen=True)
class Standing:
    """The mean success over cells that share something, called ``name``; ``mean`` in [0, 1]."""

    name: str
    mean: float
    cells: int


def standings(found: Iterable[GridCell], of: Callable[[GridCell], str]) -> list[Standing]:
    """Mean success by what ``of`` calls a cell, the highest first; cells without a sample are left out."""
    groups: dict[str, list[float]] = defaultdict(list)
    for each in found:
        if each.fooled.value is not None:
            groups[of(each)].append(each.fooled.value)
    rows = [Standing(name, fmean(values), len(values)) for name, values in groups.items()]
    return sorted(rows, key=lambda row: (-row.mean, row.name))


def _mean(records: Iterable[Record], of: Callable[[Record], float | None]) -> float | None:
    values = [value for record in records if (value := of(record)) is not None]
    return fmean(values) if values else None


def where(place: Place) -> str:
    """``resnet20 behind tvm``, or ``resnet20``."""
    return f"{place.model} behind {place.defence}" if place.defence else place.model
