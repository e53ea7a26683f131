"""Which classes are fooled on which network: attack success rate by true class, a map for each norm and threshold."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pixelproof.results.intervals import Rate
from pixelproof.results.per_class import class_rows
from pixelproof.results.study.assessed import NORMS, Assessed, one_each

THRESHOLDS = (1, 10)  # those the papers show (2019, figure 3)


@dataclass(frozen=True)
class ClassMap:
    """Networks × classes; the rate is None where a network has no attacked sample of the class."""

    attack: str
    threshold: int
    classes: tuple[str, ...]
    rows: Mapping[str, tuple[Rate | None, ...]]  # by label, in the order of ``classes``


def class_maps(runs: Sequence[Assessed], thresholds: Iterable[int] = THRESHOLDS) -> list[ClassMap]:
    """Maps by norm and threshold; those at which no run has a record are left out."""
    maps = [_class_map(runs, attack, th) for attack in NORMS for th in thresholds]
    return [found for found in maps if found.rows]


def _class_map(runs: Sequence[Assessed], attack: str, threshold: int) -> ClassMap:
    classes = tuple(dict.fromkeys(name for run in runs for name in run.classes))
    cells = {label: _by_class(run, attack, threshold) for label, run in one_each(runs).items()}
    rows = {label: tuple(map(rates.get, classes)) for label, rates in cells.items() if rates}
    return ClassMap(attack, threshold, classes, rows)


def _by_class(run: Assessed, attack: str, threshold: int) -> dict[str, Rate]:
    rows = [row for row in class_rows(run.complete) if (row.attack, row.threshold) == (attack, threshold)]
    return {run.classes[row.label]: row.fooled for row in rows}
