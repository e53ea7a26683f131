"""Levels by what the attacker sees of the model: labels, scores, scores beside a network like it, gradients.

Whoever sees more can do all that those can who see less. Where less breaks more, the attacks that were made with more
were misled: gradients that are masked, or scores that are flat.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from operator import or_
from typing import Literal, get_args

from pixelproof.results.intervals import Rate
from pixelproof.runs.record import LEVELLED, NORM_OF, Constraint, Manifest, Record

Knowledge = Literal["labels", "scores", "surrogate", "gradients"]
#: The least first.
KNOWLEDGE: tuple[Knowledge, ...] = get_args(Knowledge)


@dataclass(frozen=True)
class KnowledgeLevel:
    """What attacks with one ``knowledge`` came to at one level; ``methods`` are those that were made for it.

    ``broken`` are samples with an image within the level that such an attack found, ``through`` those that all of
    ``methods`` have been through.
    """

    constraint: Constraint
    threshold: int
    knowledge: Knowledge
    methods: tuple[str, ...]
    broken: frozenset[int]
    through: frozenset[int]

    @property
    def rate(self) -> Rate:
        """Of the samples that are through."""
        return Rate(len(self.broken & self.through), len(self.through))


@dataclass(frozen=True)
class _Made:
    """What an attack is made for: ``knowledge``, a constraint, and the threshold of its ball; None: any."""

    knowledge: Knowledge
    constraint: Constraint
    threshold: float | None

    def fits(self, knowledge: Knowledge, constraint: str, threshold: int) -> bool:
        return (self.knowledge, self.constraint) == (knowledge, constraint) and self.threshold in (None, threshold)


def knowledge_levels(manifest: Manifest, records: Sequence[Record]) -> list[KnowledgeLevel]:
    """Every level that attacks of two kinds of knowledge or more were made for; a row for each, the least first.

    ``records`` with levels are of searches, which see scores. What attacks by name see and in which norm they go the
    ``manifest`` tells; one in a ball counts at its own threshold, one that seeks the nearest image at each.
    """
    searched = [record for record in records if record.levelled and not record.by_proof]
    named = [record for record in records if not record.levelled]
    made = _made(manifest)
    if not made:
        return []
    thresholds = {(record.constraint, record.level) for record in searched}
    thresholds |= {(kind.constraint, int(kind.threshold)) for kind in made.values() if kind.threshold is not None}
    found = []
    for constraint in LEVELLED:
        for threshold in sorted(level for norm, level in thresholds if norm == constraint):
            rows = [_row(constraint, threshold, knowledge, searched, named, made) for knowledge in KNOWLEDGE]
            tried = [row for row in rows if row.methods]
            found += tried if len(tried) > 1 else []
    return found


def misled(rows: Iterable[KnowledgeLevel]) -> list[tuple[KnowledgeLevel, KnowledgeLevel, int]]:
    """Pairs of rows of one level, of less and of more knowledge, and how many samples less broke that more did not.

    Those where that is more than the other way round, as it should never be but by chance.
    """
    levels = defaultdict[tuple[str, int], list[KnowledgeLevel]](list)
    for row in rows:
        levels[row.constraint, row.threshold].append(row)
    pairs = [(less, more) for level in levels.values() for k, less in enumerate(level) for more in level[k + 1 :]]
    found = []
    for less, more in pairs:
        both = less.through & more.through
        ahead, behind = len((less.broken - more.broken) & both), len((more.broken - less.broken) & both)
        if ahead > behind:
            found.append((less, more, ahead))
    return found


def optimality(rows: Iterable[KnowledgeLevel]) -> dict[tuple[Constraint, Knowledge], float]:
    """How much of what all together broke each kind of knowledge broke alone, over the curve of levels, in [0, 1].

    It is the area above a kind's curve of robust accuracy against the threshold over the area above the curve of the
    best known, which breaks a sample as soon as any does: 1 is the best known itself. After A. E. Cinà et al.,
    AttackBench, arXiv 2404.19460, whose curves go on to the largest distance found, where these end at the largest
    level. Of samples and levels that all kinds of the constraint are through with; none where nothing was broken.
    """
    found: dict[tuple[Constraint, Knowledge], float] = {}
    by_constraint = defaultdict[Constraint, list[KnowledgeLevel]](list)
    for row in rows:
        by_constraint[row.constraint].append(row)
    for constraint, own in by_constraint.items():
        kinds = [kind for kind in KNOWLEDGE if any(row.knowledge == kind for row in own)]
        at = {(row.knowledge, row.threshold): row for row in own}
        levels = sorted({row.threshold for row in own})
        levels = [th for th in levels if all((kind, th) in at for kind in kinds)]
        through = frozenset.intersection(*(row.through for row in own))
        broken = {kind: [at[kind, th].broken & through for th in levels] for kind in kinds}
        best = [frozenset[int]().union(*sets) for sets in zip(*broken.values(), strict=True)]
        if whole := _area(levels, best):
            found |= {(constraint, kind): _area(levels, sets) / whole for kind, sets in broken.items()}
    return found


def _area(levels: Sequence[int], broken: Iterable[frozenset[int]]) -> float:
    """Under the curve of samples broken at a level or below, from none at 0, by trapezoids."""
    curve = [(0, 0), *zip(levels, map(len, accumulate(broken, or_)), strict=True)]
    return sum((low + high) / 2 * (to - since) for (since, low), (to, high) in pairwise(curve))


def _made(manifest: Manifest) -> dict[str, _Made]:
    """What each attack by name is made for, where that has levels."""
    constraints = {NORM_OF[each]: each for each in LEVELLED}
    balls = {each["spec"]: each["epsilon"] for each in manifest.settings.get("attacks", ())}
    seen = manifest.details.get("attacks", {})
    return {
        spec: _Made(knowledge, constraints[norm], balls.get(spec))
        for spec, (knowledge, norm) in seen.items()
        if norm in constraints
    }


def _row(
    constraint: Constraint,
    threshold: int,
    knowledge: Knowledge,
    searched: Iterable[Record],
    named: Iterable[Record],
    made: Mapping[str, _Made],
) -> KnowledgeLevel:
    """The level of ``constraint`` and ``threshold`` with that ``knowledge``."""
    fitting = {spec for spec, kind in made.items() if kind.fits(knowledge, constraint, threshold)}
    through = defaultdict[str, set[int]](set)
    broken = set[int]()
    for record in searched if knowledge == "scores" else ():
        if (record.constraint, record.level) == (constraint, threshold):
            through[record.spec].add(record.sample)
            broken |= {record.sample} if record.success else set()
    for record in named:
        if record.spec in fitting:
            through[record.spec].add(record.sample)
        kind = made.get(record.spec)
        if kind is not None and kind.knowledge == knowledge and record.distance(constraint) <= threshold:
            broken.add(record.sample)
    everywhere = frozenset[int].intersection(*map(frozenset, through.values())) if through else frozenset[int]()
    methods = tuple(dict.fromkeys(Record.parts(spec)[0] for spec in through))
    return KnowledgeLevel(constraint, threshold, knowledge, methods, frozenset(broken), everywhere)
