"""Queries to success: how many samples were fooled after q queries of a level's own search."""

from collections.abc import Sequence
from dataclasses import dataclass

from pixelproof.results.outcomes import Outcomes, by_search, grouped
from pixelproof.runs.record import Record


@dataclass(frozen=True)
class QueryCurve:
    """One level's search, which starts from the ``inherited`` samples that a lower level had fooled."""

    attack: str
    search: str
    threshold: int
    inherited: int
    queries: tuple[int, ...]  # of each sample fooled in this search, rising
    total: int  # samples attacked
    longest: int  # the most queries that one sample took

    def share(self, queries: int) -> float:
        """The share of attacked samples, in [0, 1], fooled within ``queries`` of this level's search."""
        fooled = self.inherited + sum(q <= queries for q in self.queries)
        return fooled / self.total if self.total else 0.0


def query_curves(records: Sequence[Record]) -> list[QueryCurve]:
    """A curve for each attack, search and threshold, in that order; it ends at the attack success rate."""
    groups = grouped(records)
    return [
        _curve(outcomes, th, groups[outcomes.attack, outcomes.search or ""])
        for outcomes in by_search(records)
        for th in outcomes.thresholds
    ]


def _curve(outcomes: Outcomes, threshold: int, records: list[Record]) -> QueryCurve:
    here = [r for r in records if r.level == threshold]
    won = [r.queries for r in here if r.success and r.inherited_from is None]
    return QueryCurve(
        attack=outcomes.attack,
        search=outcomes.search or "",
        threshold=threshold,
        inherited=len(outcomes.fooled(threshold)) - len(won),
        queries=tuple(sorted(won)),
        total=len(outcomes.attacked[threshold]),
        longest=max((r.queries for r in here), default=0),
    )
