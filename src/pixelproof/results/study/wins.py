"""Differential evolution against CMA-ES on the same networks: who fools more, level by level."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from pixelproof.results.intervals import Rate
from pixelproof.results.study.assessed import NORMS, Assessed, in_role, one_each


@dataclass(frozen=True)
class Duel:
    """Attack success rate of both searches on one network at one level."""

    label: str
    attack: str
    threshold: int
    de: Rate
    cma_es: Rate

    @property
    def winner(self) -> Literal["de", "cma-es"] | None:
        """The search with the strictly higher attack success rate; None: a tie."""
        de, cma_es = (rate.value or 0.0 for rate in (self.de, self.cma_es))
        return "de" if de > cma_es else "cma-es" if cma_es > de else None


@dataclass(frozen=True)
class Tally:
    """Levels won."""

    de: int
    cma_es: int
    ties: int


def duels(runs: Sequence[Assessed]) -> list[Duel]:
    """A duel for each network and level that both searches attacked, by network, norm and threshold."""
    de, cma_es = (one_each(in_role(runs, role)) for role in ("de", "cma-es"))
    found = []
    for label in [label for label in de if label in cma_es]:
        one, other = de[label].fooled, cma_es[label].fooled
        levels = [(a, th) for a in NORMS for b, th in sorted(one.keys() & other.keys()) if a == b]
        found += [Duel(label, a, th, one[a, th], other[a, th]) for a, th in levels]
    return found


def tally(duels: Iterable[Duel]) -> Tally:
    """Wins counted; of all networks and levels given."""
    winners = [duel.winner for duel in duels]
    return Tally(winners.count("de"), winners.count("cma-es"), winners.count(None))
