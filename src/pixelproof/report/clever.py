"""A survey of CLEVER scores as tables and sentences."""

from __future__ import annotations

from math import isfinite
from statistics import fmean, median

from pixelproof.jobs.clever.survey import Survey
from pixelproof.report.table import Cell, Column, Table
from pixelproof.wording import decimal, plural

#: Samples above which one row each is too much to read.
_FEW = 20
_NORMS = {"l1": "L1", "l2": "L2", "linf": "L∞"}
#: Relative change over the last half of the batches above which more of them are worth their time.
_SETTLED = 0.05


def score_table(survey: Survey) -> Table:
    """One row a sample where they are few; otherwise one for all."""
    title = f"CLEVER, {_NORMS[survey.norm]}, {_aim(survey.target)}"
    if len(survey.samples) > _FEW:
        return Table("clever", title, _SUMMARY, (_summary(survey),))
    columns, rows = _SAMPLE, [_row(survey, k) for k in range(len(survey.samples))]
    if survey.distances is not None:
        columns = (*columns, Column("Found at", "decimal"))
        rows = [(*row, far if isfinite(far) else None) for row, far in zip(rows, survey.distances, strict=True)]
    return Table("clever", title, columns, tuple(rows))


def _row(survey: Survey, k: int) -> tuple[Cell, ...]:
    each = survey.scores[k]
    nearest = None if each.nearest is None else _name(survey, each.nearest)
    return (survey.samples[k], _name(survey, each.label), nearest, each.score)


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


def _summary(survey: Survey) -> tuple[Cell, ...]:
    scores = survey.meaningful
    if not scores:
        return (0, None, None, None, None)
    return (len(scores), fmean(scores), median(scores), min(scores), max(scores))


def sentences(survey: Survey) -> list[str]:
    """What the scores are, and what they come to: mean and median, what is meaningless, convergence, correlation."""
    texts = [_mean(survey), *_meaningless(survey)]
    if survey.meaningful:
        texts = [*_caption(survey), *texts]
    if survey.halfway is not None:
        texts.append(_convergence(survey, *survey.halfway))
    if survey.distances is not None:
        texts.append(_correlation(survey))
    return texts


def _caption(survey: Survey) -> tuple[str, str]:
    return (
        f"Lengths are in grey levels (1/255) of {_NORMS[survey.norm]}; gradients were taken at {survey.batches} × "
        f"{survey.batch_samples} points up to {decimal(survey.radius)} from each image, which no score exceeds.",
        "A score estimates how far nothing fools; it proves nothing, and is too large where gradients are hidden.",
    )


def _mean(survey: Survey) -> str:
    scores = survey.meaningful
    if not scores:
        return f"CLEVER is meaningless for all {plural(len(survey.scores), 'sample')}."
    return f"Mean {decimal(fmean(scores))}, median {decimal(median(scores))} of {plural(len(scores), 'sample')}."


def _meaningless(survey: Survey) -> list[str]:
    """One sentence a kind of finding, with that of its first sample."""
    found = [each.finding for each in survey.scores if each.finding is not None]
    texts = []
    for name in dict.fromkeys(finding.name for finding in found):
        same = [finding for finding in found if finding.name == name]
        texts.append(f"Meaningless for {plural(len(same), 'sample')} ({name}): {same[0].message}")
    return texts


def _convergence(survey: Survey, count: int, before: float) -> str:
    after = fmean(survey.meaningful)
    change = abs(after - before) / before if before else 0.0
    verdict = "settled" if change <= _SETTLED else "not settled; use more --batches"
    return (
        f"Convergence: the mean was {decimal(before)} after {count} of {survey.batches} batches and is "
        f"{decimal(after)} after all, {100 * change:.1f} % apart: {verdict}."
    )


def _correlation(survey: Survey) -> str:
    found = survey.correlation
    if found is None:
        return "Too few scores are meaningful for a correlation with the distances found."
    if found.rho is None or found.p_value is None:
        return "All scores or all distances found are equal, so they have no rank correlation."
    return (
        f"Spearman's ρ of the scores and the smallest {_NORMS[survey.norm]} distances found: {found.rho:.2f} "
        f"[{found.low:.2f}, {found.high:.2f}], p = {found.p_value:.2g}, {plural(found.samples, 'sample')}."
    )


def _aim(target: str) -> str:
    return "untargeted" if target == "none" else f"target {target}"


def _name(survey: Survey, label: int) -> str:
    return survey.class_names[label] if label < len(survey.class_names) else str(label)
