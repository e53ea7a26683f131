"""The papers' main table: networks × levels of both norms, the good results marked, their number the ranking.

The rule (Vargas & Kotyan 2019, table IV; Kotyan & Vargas 2020, table III): in each column the lowest attack
success rate and all within five points of it are equally good. Networks without a defence are marked among themselves;
a defence has its accuracy under attack.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from statistics import fmean

from pixelproof.results.intervals import Rate
from pixelproof.results.study.assessed import NORMS, Assessed, Level, one_each

MARGIN = Fraction(5, 100)  # results so close to the lowest are equally good


@dataclass(frozen=True)
class Line:
    """One network's attack success rate by level."""

    name: str
    defence: str | None
    label: str
    clean: Rate
    fooled: Mapping[Level, Rate]
    finished: bool = True

    def under_attack(self, level: Level) -> float | None:
        """Clean accuracy × (1 - attack success rate): the share of all images still right."""
        clean, fooled = self.clean.value, self.fooled.get(level, Rate(0, 0)).value
        return None if clean is None or fooled is None else clean * (1 - fooled)

    def mean(self, attack: str, levels: Iterable[Level]) -> float | None:
        """The mean attack success rate over those of ``levels`` that are of ``attack``; None where one is missing."""
        values = [self.fooled.get(level, Rate(0, 0)).value for level in levels if level[0] == attack]
        known = [value for value in values if value is not None]
        return fmean(known) if known and len(known) == len(values) else None


@dataclass(frozen=True)
class MainTable:
    """Lines of different labels."""

    lines: tuple[Line, ...]

    @cached_property
    def levels(self) -> list[Level]:
        """Of any line, by norm and threshold."""
        return [(a, th) for a in NORMS for b, th in sorted({k for line in self.lines for k in line.fooled}) if a == b]

    @property
    def networks(self) -> list[Line]:
        return [line for line in self.lines if line.defence is None]

    @property
    def defences(self) -> list[Line]:
        return [line for line in self.lines if line.defence is not None]

    @cached_property
    def bold(self) -> Mapping[Level, frozenset[str]]:
        """The labels marked in each column."""
        return {level: self._lowest(level) for level in self.levels}

    def marks(self, label: str) -> int:
        """How many of its results are marked."""
        return sum(label in labels for labels in self.bold.values())

    @property
    def ranking(self) -> list[tuple[str, int]]:
        """Networks and their marks, the most robust first; equals in the order of ``lines``."""
        counted = [(line.label, self.marks(line.label)) for line in self.networks]
        return sorted(counted, key=lambda pair: -pair[1])

    def _lowest(self, level: Level) -> frozenset[str]:
        rates = {line.label: line.fooled[level] for line in self.networks if level in line.fooled}
        known = {label: rate for label, rate in rates.items() if rate.value is not None}
        shares = {label: Fraction(rate.successes, rate.total) for label, rate in known.items()}
        if not shares:
            return frozenset()
        limit = min(shares.values()) + MARGIN
        return frozenset(label for label, share in shares.items() if share <= limit)


def main_table(runs: Iterable[Assessed]) -> MainTable:
    """The table of ``runs``, one for each network. Raises ``InputError`` when two share a label."""
    return MainTable(
        tuple(
            Line(run.name, run.defence, label, run.clean, run.fooled, run.finished)
            for label, run in one_each(runs).items()
        )
    )
