"""CLEVER scores as tables and sentences."""

from math import isfinite
from statistics import fmean, median

from pixelproof.report.table import Cell, Column, Table
from pixelproof.results.clever import CleverRecord, CleverResult
from pixelproof.wording import decimal, plural

#: Samples above which one row each is too much to read.
_FEW = 20
_NORMS = {"l1": "L1", "l2": "L2", "linf": "L∞"}
#: Relative change over the last half of the batches above which more of them are worth their time.
_SETTLED = 0.05


def score_table(result: CleverResult) -> Table:
    """One row a sample where they are few; otherwise one for all."""
    title = f"CLEVER, {_NORMS[result.norm]}, {_aim(result.target)}"
    if len(result.records) > _FEW:
        return Table("clever", title, _SUMMARY, (_summary(result),))
    columns, rows = _SAMPLE, [_row(result, each) for each in result.records]
    if result.compared:
        columns = (*columns, Column("Found at", "decimal"))
        rows = [(*row, _finite(each.distance)) for row, each in zip(rows, result.records, strict=True)]
    return Table("clever", title, columns, tuple(rows))


def _row(result: CleverResult, each: CleverRecord) -> tuple[Cell, ...]:
    nearest = None if each.nearest is None else result.class_name(each.nearest)
    return each.sample, result.class_name(each.label), nearest, each.score


def _finite(distance: float | None) -> float | None:
    return distance if distance is not None and isfinite(distance) else None


_SAMPLE: tuple[Column, ...] = (
    Column("Sample", "integer"),
    Column("Class"),
    Column("Nearest"),
    Column("Score", "decimal"),
)
_SUMMARY = (
    Column("Samples", "integer"),
    Column("Mean", "decimal"),
    Column("Median", "decimal"),
    Column("Least", "decimal"),
    Column("Largest", "decimal"),
)


def _summary(result: CleverResult) -> tuple[Cell, ...]:
    scores = result.meaningful
    if not scores:
        return (0, None, None, None, None)
    return (len(scores), fmean(scores), median(scores), min(scores), max(scores))


def sentences(result: CleverResult) -> list[str]:
    """What the scores are, and what they come to: mean and median, what is meaningless, convergence, correlation."""
    texts = [_mean(result), *_meaningless(result)]
    if result.meaningful:
        texts = [*_caption(result), *texts]
    if result.halfway is not None:
        texts.append(_convergence(result, *result.halfway))
    if result.compared:
        texts.append(_correlation(result))
    return texts


def _caption(result: CleverResult) -> tuple[str, str]:
    return (
        f"Lengths are in grey levels (1/255) of {_NORMS[result.norm]}; gradients were taken at {result.batches} × "
        f"{result.batch_samples} points up to {decimal(result.radius)} from each image, which no score exceeds.",
        "A score estimates how far the nearest image lies that fools; it proves nothing, and is too large where "
        "gradients are hidden.",
    )


def _mean(result: CleverResult) -> str:
    scores = result.meaningful
    if not scores:
        return f"CLEVER is meaningless for all {plural(len(result.records), 'sample')}."
    return f"Mean {decimal(fmean(scores))}, median {decimal(median(scores))} of {plural(len(scores), 'sample')}."


def _meaningless(result: CleverResult) -> list[str]:
    """One sentence a kind of finding, with that of its first sample."""
    messages: dict[str, list[str]] = {}
    for each in result.records:
        if each.reason is not None and each.message is not None:
            messages.setdefault(each.reason, []).append(each.message)
    return [f"Meaningless for {plural(len(same), 'sample')} ({reason}): {same[0]}" for reason, same in messages.items()]


def _convergence(result: CleverResult, count: int, before: float) -> str:
    after = fmean(result.meaningful)
    change = abs(after - before) / before if before else 0.0
    verdict = "settled" if change <= _SETTLED else "not settled; use more batches"
    return (
        f"Convergence: the mean was {decimal(before)} after {count} of {result.batches} batches and is "
        f"{decimal(after)} after all, {100 * change:.1f} % apart: {verdict}."
    )


def _correlation(result: CleverResult) -> str:
    found = result.correlation
    if found is None:
        return "Too few scores are meaningful for a correlation with the distances found."
    if found.rho is None or found.p_value is None:
        return "All scores or all distances found are equal, so they have no rank correlation."
    return (
        f"Spearman's ρ of the scores and the smallest {_NORMS[result.norm]} distances found: {found.rho:.2f} "
        f"[{found.low:.2f}, {found.high:.2f}], p = {found.p_value:.2g}, {plural(found.samples, 'sample')}."
    )


def _aim(target: str) -> str:
    return "untargeted" if target == "none" else f"target {target}"
