"""Which class becomes which: the answers a fooled model gives."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from pixelproof.runs.record import Record


@dataclass(frozen=True)
class Change:
    """``samples`` of the class ``label`` that ``attack`` turned into ``predicted``."""

    attack: str
    label: int
    predicted: int
    samples: int


def class_changes(records: Iterable[Record]) -> list[Change]:
    """Changes by attack, the most frequent first; a sample counts once, at its lowest success."""
    first: dict[tuple[str, int], Record] = {}
    for record in sorted((r for r in records if r.success), key=lambda r: (r.level, r.spec)):
        first.setdefault((record.attack, record.sample), record)
    counts = Counter((attack, r.label, r.predicted) for (attack, _), r in first.items())
    changes = [Change(attack, label, predicted, n) for (attack, label, predicted), n in counts.items()]
    return sorted(changes, key=lambda c: (c.attack, -c.samples, c.label, c.predicted))
