"""CLEVER scores: their page, and in short as a table and sentences."""

from math import isfinite
from pathlib import Path
from statistics import fmean, median

import altair as alt

from pixelproof.report import section
from pixelproof.report.figure import COLOURS, WIDTH, Figure
from pixelproof.report.page import Page, status, write_page
from pixelproof.report.section import Claim, Contents, Headline, Section, Tile
from pixelproof.report.table import Cell, Column, Table
from pixelproof.results.clever import CleverRecord, CleverResult
from pixelproof.wording import between, decimal, minus, plural

#: Samples above which one row each is too much to read.
_FEW = 20
_NORMS = {"l1": "L1", "l2": "L2", "linf": "L∞"}
#: Relative change over the last half of the batches above which more of them are worth their time.
_SETTLED = 0.05


def write_clever(result: CleverResult, folder: Path) -> Path:
    """Write ``report.html``, ``tables/`` and ``figures/`` (SVG) into ``folder``; returns the page's path."""
    return write_page(clever_page(result), folder)


def clever_page(result: CleverResult) -> Page:
    """Everything that a run of CLEVER says."""
    manifest = result.manifest
    contents = Contents([sample_table(result)], [score_figure(result)] if result.meaningful else [])
    settings = section.values("Settings", manifest.spec), section.values("Environment", manifest.environment)
    return Page(
        "clever",
        f"CLEVER scores of {manifest.model.name} on {manifest.data.name}",
        Headline([_claim(result)], _tiles(result), contents.figures),
        (
            section.summary(sentences(result)),
            section.findings(result.findings),
            Section("samples", "Sample by sample", [contents.rows("clever")]),
            Section("details", "Settings and environment", settings, folded=True),
            Section("sources", "Sources", [section.words("clever_sources")], folded=True),
        ),
        contents,
        facts=[manifest.environment.get("date", ""), plural(len(result.records), "sample")],
        status=status(manifest.status == "finished"),
    )


def _claim(result: CleverResult) -> Claim:
    basis = "An estimate from gradients, without any attack: it proves nothing, and is too large where they are hidden."
    if not result.meaningful:
        return Claim("No score means anything here", " ".join(_meaningless(result)) or basis, "open")
    return Claim(f"Mean CLEVER score {decimal(fmean(result.meaningful))} grey levels of {_NORMS[result.norm]}", basis)


def _tiles(result: CleverResult) -> list[Tile]:
    scores = result.meaningful
    tiles = [Tile(f"{len(scores)} of {len(result.records)}", "samples with a score", _aim(result.target))]
    if scores:
        tiles.append(Tile(decimal(median(scores)), "median", f"{decimal(min(scores))} to {decimal(max(scores))}"))
    if (found := result.correlation) is not None and found.rho is not None:
        tiles.append(Tile(minus(found.rho, ".2f"), "rank correlation with the distances found", "1: the same order"))
    return tiles


def score_figure(result: CleverResult) -> Figure:
    """The scores in order; beside each the distance that attacks found, where another run found one."""
    scored = sorted((each for each in result.records if each.score is not None), key=lambda each: each.score or 0.0)
    rows = [
        {"place": place, "sample": each.sample, "class": result.class_name(each.label), "what": what, "length": length}
        for place, each in enumerate(scored, 1)
        for what, length in ((_SCORE, each.score), (_FOUND, None if each.distance is None else _finite(each.distance)))
        if length is not None
    ]
    names = [name for name in _MARKS if any(row["what"] == name for row in rows)]
    colours = alt.Scale(domain=names, range=[_MARKS[name][0] for name in names])
    shapes = alt.Scale(domain=names, range=[_MARKS[name][1] for name in names])
    legend = alt.Legend(columns=2) if len(names) > 1 else None
    norm = _NORMS[result.norm]
    chart = alt.Chart(alt.InlineData(values=rows)).mark_point(filled=True, size=45, opacity=1)
    chart = chart.encode(
        x=alt.X("place:Q", title="Samples by score", axis=alt.Axis(grid=False, tickMinStep=1)),
        y=alt.Y("length:Q", title=f"Grey levels, {norm}", scale=alt.Scale(zero=True)),
        color=alt.Color("what:N", title=None, scale=colours, legend=legend),
        shape=alt.Shape("what:N", title=None, scale=shapes, legend=legend),
        tooltip=[alt.Tooltip(f"{key}:N", title=key.capitalize()) for key in ("sample", "class", "what")]
        + [alt.Tooltip("length:Q", title="Grey levels", format=".2f")],
    )
    scores = result.meaningful
    return Figure(
        "clever-scores",
        "Scores in order",
        f"Points of {len(scores)} scores in order, from {decimal(min(scores))} to {decimal(max(scores))} grey levels.",
        "How far the nearest image that fools is estimated to lie, sample by sample"
        + ("; beside it how far the nearest that was found lies." if len(names) > 1 else "."),
        chart.properties(width=WIDTH - 70, height=260).to_dict(),
    )


_SCORE, _FOUND = "score", "found by attacks"
_MARKS = {_SCORE: (COLOURS["few-pixel"], "circle"), _FOUND: (COLOURS["threshold"], "square")}


def score_table(result: CleverResult) -> Table:
    """One row a sample where they are few; otherwise one for all."""
    if len(result.records) > _FEW:
        return Table("clever", _title(result), _SUMMARY, (_summary(result),))
    return sample_table(result)


def _title(result: CleverResult) -> str:
    return f"CLEVER, {_NORMS[result.norm]}, {_aim(result.target)}"


def sample_table(result: CleverResult) -> Table:
    """A row a sample."""
    columns, rows = _SAMPLE, [_row(result, each) for each in result.records]
    if result.compared:
        columns = (*columns, Column("Found at", "decimal"))
        rows = [(*row, _finite(each.distance)) for row, each in zip(rows, result.records, strict=True)]
    return Table("clever", _title(result), columns, tuple(rows))


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
        f"Spearman's ρ of the scores and the smallest {_NORMS[result.norm]} distances found: {minus(found.rho, '.2f')} "
        f"{between(found.low, found.high)}, p = {found.p_value:.2g}, {plural(found.samples, 'sample')}."
    )


def _aim(target: str) -> str:
    return "untargeted" if target == "none" else f"target {target}"
