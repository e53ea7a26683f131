"""Attacks by name: whom each fooled, how far it went, and what it cost."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from pixelproof.results.intervals import Rate
from pixelproof.results.levels import robust_accuracy
from pixelproof.runs.record import Record, Selection

WORST = "worst case"


@dataclass(frozen=True)
class AttemptRow:
    """One attack, or (``attack`` ``WORST``) each sample's worst case over all of them. Means over nothing are None."""

    attack: str
    spec: str  # empty in the worst case
    fooled: Rate  # of the attacked samples; targeted: those taken for the class aimed at
    robust: Rate  # samples still right, of all considered
    pending: int
    mean_l0: float | None  # over fooled samples, in pixels; the next ones in grey levels
    mean_l2: float | None
    mean_linf: float | None
    mean_queries: float  # over attacked samples, the verification counted
    mean_gradient_steps: float
    seconds: float  # an image

    @property
    def key(self) -> str:
        """What tells rows apart."""
        return self.spec or self.attack


def attempt_rows(records: Sequence[Record], selection: Selection) -> list[AttemptRow]:
    """A row for each attack by name in ``records``, in the order of their first records, then their worst case.

    The worst case of a sample is any success; of several, the one of the smallest L2 distance counts. It is left out
    where there is only one attack.
    """
    groups: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        if not record.levelled:
            groups[record.spec].append(record)
    rows = [_row(group[0].attack, spec, group, group, selection) for spec, group in groups.items()]
    if len(groups) > 1:
        everything = [record for group in groups.values() for record in group]
        rows.append(_row(WORST, "", worst_cases(everything), everything, selection))
    return rows


def worst_cases(records: Iterable[Record]) -> list[Record]:
    """Of each sample one record: the success nearest to the clean image by L2, or any failure."""
    found: dict[int, Record] = {}
    for record in records:
        before = found.get(record.sample)
        if before is None or _rank(record) < _rank(before):
            found[record.sample] = record
    return list(found.values())


def _rank(record: Record) -> tuple[bool, float]:
    return not record.success, float("inf") if record.l2 is None else record.l2


def _row(attack: str, spec: str, records: Sequence[Record], paid: Sequence[Record], selection: Selection) -> AttemptRow:
    """``records`` one a sample; ``paid`` are those whose cost it took."""
    won = [record for record in records if record.success]
    pending = len(set(selection.samples) - {record.sample for record in records})
    rate = Rate(len(won), len(records), pending)
    return AttemptRow(
        attack=attack,
        spec=spec,
        fooled=rate,
        robust=robust_accuracy(rate, selection),
        pending=pending,
        mean_l0=_mean(won, lambda r: r.l0),
        mean_l2=_mean(won, lambda r: r.l2),
        mean_linf=_mean(won, lambda r: r.linf),
        mean_queries=sum(r.queries for r in paid) / len(records),
        mean_gradient_steps=sum(r.gradient_steps for r in paid) / len(records),
        seconds=sum(r.seconds for r in paid) / len(records),
    )


def _mean(records: Iterable[Record], of: Callable[[Record], float | None]) -> float | None:
    values = [value for record in records if (value := of(record)) is not None]
    return fmean(values) if values else None
