"""Who was fooled at which threshold: the one rule that curves, classes, duality and pictures count by.

A sample is fooled at th when an adversarial image of it was found at th *or below*: an image within one pixel
is also within three. Records of nested runs say so themselves (``inherited_from``); where each level was
searched on its own, the same is concluded here, so that no rate falls as the threshold grows; only the level
table then shows each level alone.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from pixelproof.results.intervals import Rate
from pixelproof.runs.record import Record, by_sample

BySample = dict[int, dict[int, Record]]


@dataclass(frozen=True)
class Outcomes:
    """One attack's outcomes by one search, or (``search`` None) by any of several searches."""

    attack: str
    search: str | None
    attacked: dict[int, frozenset[int]]  # threshold → samples with a record there, thresholds ascending
    lowest: dict[int, int]  # sample → the lowest threshold that fooled it; absent where none did

    @property
    def thresholds(self) -> list[int]:
        return list(self.attacked)

    def fooled(self, threshold: int) -> frozenset[int]:
        """The samples attacked at ``threshold`` and fooled there or below."""
        lowest = self.lowest
        return frozenset(s for s in self.attacked[threshold] if lowest.get(s, threshold + 1) <= threshold)

    def rate(self, threshold: int) -> Rate:
        """Attack success rate: fooled of attacked."""
        return Rate(len(self.fooled(threshold)), len(self.attacked[threshold]))


def complete(records: Iterable[Record], samples: Collection[int]) -> list[Record]:
    """Those of ``records`` at levels that every one of ``samples`` has been through.

    Elsewhere a success is inherited at once and a failure takes its time, so a rate over what is done would be no rate.
    """
    groups: dict[tuple[str, int], list[Record]] = defaultdict(list)
    for record in records:
        groups[record.attack, record.level].append(record)
    wanted = set(samples)
    whole = {level for level, group in groups.items() if wanted <= {record.sample for record in group}}
    return [record for level, group in groups.items() if level in whole for record in group]


def by_search(records: Sequence[Record]) -> list[Outcomes]:
    """Outcomes of each attack × search, in alphabetical order."""
    groups, climbs = grouped(records), chains(records)
    return [
        _outcomes(*key, group, _lowest({s: levels.values() for s, levels in climbs[key].items()}))
        for key, group in groups.items()
    ]


def by_attack(records: Sequence[Record]) -> list[Outcomes]:
    """Outcomes of each attack over all its searches: the worst case per sample."""
    groups: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        groups[record.attack].append(record)
    return [_outcomes(attack, None, groups[attack], _lowest(by_sample(groups[attack]))) for attack in sorted(groups)]


def grouped(records: Iterable[Record]) -> dict[tuple[str, str], list[Record]]:
    """Records by (attack, search), in alphabetical order; what a proof came upon is of no search."""
    groups: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in records:
        if not record.by_proof:
            groups[record.attack, record.spec].append(record)
    return {key: groups[key] for key in sorted(groups)}


def chains(records: Sequence[Record]) -> dict[tuple[str, str], BySample]:
    """For each (attack, search) the records that lead up to its levels.

    They are its own and, at thresholds that it never searched, those of the attack's first other search: a
    run may climb its low levels with one search and its high levels with another.
    """
    groups = grouped(records)
    found = {}
    for attack, search in groups:
        covered: set[int] = set()
        chain: list[Record] = []
        for name in [search, *(s for a, s in groups if a == attack and s != search)]:
            chain += [r for r in groups[attack, name] if r.level not in covered]
            covered |= {r.level for r in groups[attack, name]}
        found[attack, search] = {s: {r.level: r for r in rs} for s, rs in by_sample(chain).items()}
    return found


def standing(levels: dict[int, Record], threshold: int) -> Record | None:
    """The record of one sample whose image stands at ``threshold``: its own, or the lowest one below."""
    found = {th: r for th, r in levels.items() if th <= threshold and r.success}
    sources = {th: r for th, r in found.items() if r.inherited_from is None}
    if threshold in sources or not sources:
        return found.get(threshold)
    return sources[min(sources)]


def _outcomes(attack: str, search: str | None, records: list[Record], lowest: dict[int, int]) -> Outcomes:
    attacked: dict[int, set[int]] = defaultdict(set)
    for record in records:
        attacked[record.level].add(record.sample)
    return Outcomes(attack, search, {th: frozenset(attacked[th]) for th in sorted(attacked)}, lowest)


def _lowest(samples: Mapping[int, Iterable[Record]]) -> dict[int, int]:
    """The lowest threshold that fooled each sample."""
    found: dict[int, int] = {}
    for sample, records in samples.items():
        wins = [r.level if r.inherited_from is None else r.inherited_from for r in records if r.success]
        if wins:
            found[sample] = min(wins)
    return found
