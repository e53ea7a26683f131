"""Robustness levels: one row per attack × search × threshold, and what may be claimed from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from pixelproof.analysis.effort import effort, is_nested, success_effort
from pixelproof.analysis.intervals import Rate
from pixelproof.analysis.outcomes import BySample, Outcomes, by_search, chains, standing
from pixelproof.analysis.wording import count, percent, plural, safe_name
from pixelproof.runs.record import Record, Selection


@dataclass(frozen=True)
class LevelRow:
    """One level of one attack by one search. Means over nothing are None."""

    attack: str
    search: str
    threshold: int
    fooled: Rate  # adversarial accuracy: samples fooled at this threshold or below, of those attacked here
    robust: Rate  # robust accuracy: samples still right, of all considered (see ``robust_accuracy``)
    inherited: int  # fooled samples whose image was found at a lower threshold
    pending: int  # selected samples without a record here
    mean_queries: float | None  # over attacked samples; nested: summed over this and the lower levels
    median_queries: float | None  # over fooled samples, counted the same way
    budget: int  # the most queries one search of this level took
    mean_l0: float | None  # pixels, over fooled samples
    mean_l1: float | None  # 8-bit units, like the next two
    mean_l2: float | None
    mean_linf: float | None
    targeted: bool  # fooled then means: became the class aimed at

    @property
    def safe(self) -> bool:
        """Every selected sample was attacked and none was fooled, here or below."""
        return self.fooled.total > 0 and self.fooled.successes == 0 and self.pending == 0

    @property
    def name(self) -> str:
        """``3-pixel-safe``, whether or not the model is."""
        return safe_name(self.attack, self.threshold) + (" (targeted)" if self.targeted else "")

    @property
    def verdict(self) -> str:
        """``3-pixel-safe``, ``not safe`` or ``undecided`` (nothing fooled, samples missing)."""
        return "not safe" if self.fooled.successes else self.name if self.safe else "undecided"

    def sentence(self) -> str:
        """The claim with its budget and its interval, for a reader who sees nothing else."""
        so_far = " so far" if self.pending else ""
        who = f"{count(self.fooled.successes)} of {count(self.fooled.total)} fooled{so_far}"
        if self.fooled.successes:
            return f"{who} ({percent(self.fooled.value)} {self.fooled.interval}): not {self.name}"
        cost = f"{who} within {plural(self.budget, 'query', 'queries')} each"
        if self.pending:
            return f"{cost}: undecided, {plural(self.pending, 'sample')} without a record"
        return f"{cost}: {self.name}, at most {percent(self.fooled.interval.high)} [95 %]"


def level_rows(records: Sequence[Record], selection: Selection, nested: bool | None = None) -> list[LevelRow]:
    """Rows in the order attack, search, threshold.

    ``nested`` says whether higher levels inherited from lower ones; None: seen from the records.
    """
    chained = is_nested(records) if nested is None else nested
    climbs = chains(records)
    rows = []
    for outcomes in by_search(records):
        samples = climbs[outcomes.attack, outcomes.search or ""]
        rows += [_row(outcomes, th, samples, selection, chained) for th in outcomes.thresholds]
    return rows


def highest_safe_level(rows: Iterable[LevelRow]) -> int | None:
    """The largest threshold that is safe in every row given, with all below it; None when there is none.

    Pass the rows of one attack; those of several searches must then all be safe.
    """
    by_threshold: dict[int, list[LevelRow]] = {}
    for row in rows:
        by_threshold.setdefault(row.threshold, []).append(row)
    highest = None
    for threshold in sorted(by_threshold):
        if not all(row.safe for row in by_threshold[threshold]):
            break
        highest = threshold
    return highest


def robust_accuracy(fooled: Rate, selection: Selection) -> Rate:
    """Attacked samples not fooled, of all images considered; images already wrong count as not robust.

    While samples are still missing, only the attacked part is in both numbers, with its share of the images
    that were wrong from the start (rounded): so the rate neither sinks nor climbs merely because the run goes
    on, and the denominator ends at ``selection.considered``.
    """
    selected = len(selection.samples)
    wrong = selection.considered - selected
    share = round(wrong * fooled.total / selected) if selected else wrong
    return Rate(fooled.total - fooled.successes, fooled.total + share)


def _row(outcomes: Outcomes, th: int, samples: BySample, selection: Selection, nested: bool) -> LevelRow:
    attacked, fooled = sorted(outcomes.attacked[th]), sorted(outcomes.fooled(th))
    here = [samples[s][th] for s in attacked]
    images = [found for s in fooled if (found := standing(samples[s], th)) is not None]
    costs = [cost for s in fooled if (cost := success_effort(samples[s], th, nested)) is not None]
    return LevelRow(
        attack=outcomes.attack,
        search=outcomes.search or "",
        threshold=th,
        fooled=outcomes.rate(th),
        robust=robust_accuracy(outcomes.rate(th), selection),
        inherited=sum(outcomes.lowest[s] < th for s in fooled),
        pending=len(set(selection.samples) - set(attacked)),
        mean_queries=fmean(effort(samples[s], th, nested) for s in attacked) if attacked else None,
        median_queries=float(median(costs)) if costs else None,
        budget=max((r.queries for r in here), default=0),
        mean_l0=_mean(images, lambda r: r.l0),
        mean_l1=_mean(images, lambda r: r.l1),
        mean_l2=_mean(images, lambda r: r.l2),
        mean_linf=_mean(images, lambda r: r.linf),
        targeted=any(r.target is not None for r in here),
    )


def _mean(records: Iterable[Record], of: Callable[[Record], float | None]) -> float | None:
    values = [value for r in records if (value := of(r)) is not None]
    return fmean(values) if values else None
