"""The unit of work: samples that climb the levels of one attack together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pixelproof.engine.job import Sample
from pixelproof.runs.record import Record

Key = tuple[int, str, int]  # sample, attack, threshold


@dataclass(eq=False)
class Group:
    """Samples that begin one level together: a cohort where searches learn from each other, else a single one."""

    samples: Sequence[Sample]
    left: int = field(init=False)  # those still searched at this level
    failed: set[int] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        self.left = len(self.samples)

    def end(self, sample: Sample, success: bool) -> None:
        """Note that ``sample`` is through with this level."""
        self.left -= 1
        if not success:
            self.failed.add(sample.index)

    def next(self) -> Group | None:
        """Once all are through, those that a higher level may still fool, in their order."""
        left = [sample for sample in self.samples if sample.index in self.failed]
        return Group(left) if left and not self.left else None


def waiting(
    samples: Sequence[Sample], attack: str, levels: Sequence[int], cohort: int, nested: bool, done: Mapping[Key, Record]
) -> Iterator[tuple[int, Group]]:
    """The groups to begin with, each with its level, given the records there are.

    A cohort that is not through with a level does that level again as a whole, since its members learn from each
    other; what it finds again equals what is recorded. Nested, it takes part with those that no lower level fooled.
    """
    for first in range(0, len(samples), cohort):
        members = samples[first : first + cohort]
        for level in levels:
            records = [done.get((sample.index, attack, level)) for sample in members]
            taking_part = [s for s, r in zip(members, records, strict=True) if r is None or r.inherited_from is None]
            if any(record is None for record in records):
                yield level, Group(taking_part)
                if nested:
                    break
