"""Which classes are fooled first: attack success rate of each true class, over all searches of an attack."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pixelproof.results.intervals import Rate
from pixelproof.results.outcomes import by_attack
from pixelproof.runs.record import Record


@dataclass(frozen=True)
class ClassRow:
    """Samples of the class ``label`` fooled by ``attack`` at ``threshold`` or below, by any search."""

    attack: str
    threshold: int
    label: int
    fooled: Rate


def class_rows(records: Sequence[Record]) -> list[ClassRow]:
    """Rows in the order attack, threshold, class; classes without an attacked sample are left out."""
    labels = {r.sample: r.label for r in records}
    rows = []
    for outcomes in by_attack(records):
        for th in outcomes.thresholds:
            members: dict[int, set[int]] = defaultdict(set)
            for sample in outcomes.attacked[th]:
                members[labels[sample]].add(sample)
            fooled = outcomes.fooled(th)
            rows += [
                ClassRow(outcomes.attack, th, label, Rate(len(members[label] & fooled), len(members[label])))
                for label in sorted(members)
            ]
    return rows


def pooled_by_class(rows: Iterable[ClassRow]) -> dict[int, Rate]:
    """Each class over all its rows: sample × level cells fooled, of all such cells; classes ascending.

    One number to rank classes by. The cells of one sample depend on each other, so no interval is printed.
    """
    sums: dict[int, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for row in rows:
        fooled, total = sums[row.label]
        sums[row.label] = (fooled + row.fooled.successes, total + row.fooled.total)
    return {label: Rate(*sums[label]) for label in sorted(sums)}
