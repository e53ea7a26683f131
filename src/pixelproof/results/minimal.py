"""The minimal threshold of each sample, and areas of them in one number (Vargas & Kotyan, arXiv:1906.06026)."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import inf
from statistics import fmean

from pixelproof.results.intervals import Rate
from pixelproof.runs.record import Record
from pixelproof.wording import FEW_PIXEL, THRESHOLD


@dataclass(frozen=True)
class MinimalThresholds:
    """The smallest changes found of one attack's samples, by any of its searches.

    They are upper bounds: a longer search may find a smaller change. Where fixed levels were attacked, no search went
    below the level that fooled a sample, so the bounds are looser there.
    """

    attack: str
    found: Mapping[int, int]  # sample → its minimal threshold, in pixels (L0) or 8-bit steps (L∞)
    never: tuple[int, ...]  # attacked samples not fooled, ascending
    largest: int  # the largest threshold attacked
    mean_queries: float  # of a sample, over all its searches

    @property
    def samples(self) -> int:
        """How many were attacked."""
        return len(self.found) + len(self.never)

    def left(self, threshold: int) -> Rate:
        """Samples whose minimal threshold lies above ``threshold``, of those attacked: the curve."""
        return Rate(self.samples - sum(th <= threshold for th in self.found.values()), self.samples)

    @property
    def corners(self) -> list[int]:
        """Thresholds, ascending, at which the curve begins, steps or ends; between them it is level."""
        return sorted({0, *self.found.values(), self.largest})

    @property
    def quartiles(self) -> tuple[float, float, float]:
        """The smallest thresholds that fool at least 25, 50 and 75 % of the samples; infinite where none does."""
        rising = sorted(self.found.values())
        ranks = [-(-quarters * self.samples // 4) for quarters in (1, 2, 3)]  # rounded up
        low, median, high = (rising[rank - 1] if rank <= len(rising) else inf for rank in ranks)
        return low, median, high

    @property
    def mean(self) -> float:
        """The mean minimal threshold, samples not fooled counted at the largest: a lower bound where there are any.

        It is the area under the curve from zero on, Σ of ``left`` over the thresholds 0 … largest - 1.
        """
        return fmean([*self.found.values(), *[self.largest] * len(self.never)])

    @property
    def area(self) -> float:
        """The area under the curve from zero on, in percent × threshold: 100 × ``mean``."""
        return 100 * self.mean

    @property
    def published_area(self) -> float:
        """The papers' area (2019, table VI), in percent × threshold: Σ Δn·(th + th′)/2 over neighbouring points.

        A point is a distinct minimal threshold th and the percentage n of samples fooled up to it. The sum begins at
        the first point and ends at the last: neither the samples of the first point nor those not fooled count.
        """
        fooled = Counter(self.found.values())
        return sum(fooled[high] * (low + high) / 2 for low, high in pairwise(sorted(fooled))) * 100 / self.samples


def minimal_thresholds(records: Iterable[Record]) -> list[MinimalThresholds]:
    """One value for each attack in ``records``, of any kind of run, in alphabetical order."""
    groups: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        groups[record.attack].append(record)
    return [_of_attack(attack, groups[attack]) for attack in sorted(groups)]


def distance(record: Record) -> int:
    """How far the adversarial image of ``record``, a success, lies from the clean one, in its attack's own norm.

    For an attack of another norm that is the record's threshold.
    """
    own = {FEW_PIXEL: record.l0, THRESHOLD: record.linf}.get(record.attack)
    return record.level if own is None else own


def _of_attack(attack: str, records: list[Record]) -> MinimalThresholds:
    distances: dict[int, list[int]] = {sample: [] for sample in sorted({r.sample for r in records})}
    for record in records:
        if record.success:
            distances[record.sample].append(distance(record))
    return MinimalThresholds(
        attack=attack,
        found={sample: min(values) for sample, values in distances.items() if values},
        never=tuple(sample for sample, values in distances.items() if not values),
        largest=max(r.level for r in records),
        mean_queries=sum(r.queries for r in records) / len(distances),
    )
