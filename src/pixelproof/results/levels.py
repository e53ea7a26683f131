"""Robustness levels in numbers: one row per attack × search × threshold. What they allow to say is in ``verdict``."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, median

from pixelproof.results.intervals import Rate
from pixelproof.results.outcomes import BySample, Outcomes, by_attack, by_search, chains, standing
from pixelproof.runs.record import Record, Selection


def is_nested(records: Iterable[Record]) -> bool:
    """Whether any level inherited its outcome from a lower one."""
    return any(r.inherited_from is not None for r in records)


def effort(levels: dict[int, Record], threshold: int, nested: bool) -> int:
    """Queries that settled ``threshold`` for one sample, given its records by threshold.

    In a nested run a level is reached through those below it, so their queries count too (an inherited record
    adds none); otherwise each level was searched from nothing and costs its own queries.
    """
    if nested:
        return sum(r.queries for th, r in levels.items() if th <= threshold)
    return levels[threshold].queries


def success_effort(levels: dict[int, Record], threshold: int, nested: bool) -> int | None:
    """Queries until the image that stands at ``threshold`` was found; None where there is none."""
    found = standing(levels, threshold)
    if found is None:
        return None
    return effort(levels, threshold, nested) if nested else found.queries


@dataclass(frozen=True)
class LevelRow:
    """One level of one attack by one search. Means over nothing are None."""

    attack: str
    search: str
    threshold: int
    fooled: Rate  # attack success rate: of the samples attacked here (see ``level_rows``)
    robust: Rate  # robust accuracy: of all considered, samples fooled neither here nor elsewhere
    elsewhere: int  # attacked samples not fooled here, but at a lower level or by another search of this attack
    inherited: int  # fooled samples whose image was found at a lower threshold
    pending: int  # selected samples without a record here
    mean_queries: float | None  # over attacked samples; nested: summed over this and the lower levels
    median_queries: float | None  # over fooled samples, counted the same way
    budget: int  # the most queries one search of this level took
    gave_up: int  # samples not fooled whose search ended before its budget, as it saw no success ahead
    mean_l0: float | None  # pixels, over fooled samples
    mean_l1: float | None  # 8-bit units, like the next two
    mean_l2: float | None
    mean_linf: float | None
    targeted: bool  # fooled then means: became the class aimed at


def level_rows(records: Sequence[Record], selection: Selection, nested: bool | None = None) -> list[LevelRow]:
    """Rows in the order attack, search, threshold.

    ``nested`` says whether higher levels inherited from lower ones; None: seen from the records. Then a sample is
    fooled at th when an image was found at th or below. Where each level was searched alone, as in the papers, a level
    counts its own successes only; robust accuracy knows of the others too.
    """
    chained = is_nested(records) if nested is None else nested
    climbs, together = chains(records), {o.attack: o for o in by_attack(records)}
    rows = []
    for outcomes in by_search(records):
        anyone = together[outcomes.attack]
        samples = climbs[outcomes.attack, outcomes.search or ""]
        rows += [_row(outcomes, anyone, th, samples, selection, chained) for th in outcomes.thresholds]
    return rows


def robust_accuracy(fooled: Rate, selection: Selection) -> Rate:
    """Attacked samples not fooled, of all images considered; images already wrong count as not robust."""
    wrong = selection.considered - len(selection.samples)
    return Rate(fooled.total - fooled.successes, fooled.total + wrong, fooled.missing)


def _row(
    outcomes: Outcomes, anyone: Outcomes, th: int, samples: BySample, selection: Selection, nested: bool
) -> LevelRow:
    attacked = sorted(outcomes.attacked[th])
    here = [samples[s][th] for s in attacked]
    # A level searched alone knows nothing of the levels below it.
    known = samples if nested else {s: {th: samples[s][th]} for s in attacked}
    images = [found for s in attacked if (found := standing(known[s], th)) is not None]
    fooled = [r.sample for r in images]
    pending = len(set(selection.samples) - set(attacked))
    rate = Rate(len(fooled), len(attacked), pending)
    elsewhere = len(anyone.fooled(th) & set(attacked) - set(fooled))
    costs = [cost for s in fooled if (cost := success_effort(known[s], th, nested)) is not None]
    return LevelRow(
        attack=outcomes.attack,
        search=outcomes.search or "",
        threshold=th,
        fooled=rate,
        robust=robust_accuracy(replace(rate, successes=rate.successes + elsewhere), selection),
        elsewhere=elsewhere,
        inherited=sum(r.level < th for r in images),
        pending=pending,
        mean_queries=fmean(effort(samples[s], th, nested) for s in attacked) if attacked else None,
        median_queries=float(median(costs)) if costs else None,
        budget=max((r.queries for r in here), default=0),
        gave_up=sum(r.gave_up and not r.success for r in here),
        mean_l0=_mean(images, lambda r: r.l0),
        mean_l1=_mean(images, lambda r: r.l1),
        mean_l2=_mean(images, lambda r: r.l2),
        mean_linf=_mean(images, lambda r: r.linf),
        targeted=any(r.target is not None for r in here),
    )


def _mean(records: Iterable[Record], of: Callable[[Record], float | None]) -> float | None:
    values = [value for r in records if (value := of(r)) is not None]
    return fmean(values) if values else None
