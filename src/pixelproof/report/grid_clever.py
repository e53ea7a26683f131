"""CLEVER on the page of a grid: a table beside the distances that attacks found, and sentences on how they agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixelproof.report.table import Cell, Column, Table
from pixelproof.results.grid_clever import CleverRow
from pixelproof.wording import decimal, listed

if TYPE_CHECKING:
    from pixelproof.plans.grid.view import GridView

_NORMS = {"l1": "L1", "l2": "L2", "linf": "L∞"}


def clever_table(view: GridView) -> Table:
    """Models and the attacks that found distances down; means, and the correlation over samples."""
    columns = (
        Column("Model"),
        Column("Distances of", key="attack"),
        Column("scored", "ratio", "CLEVER"),
        Column("mean", "decimal", "CLEVER"),
        Column("fooled", "ratio", "Distance found", "fooled"),
        Column("mean", "decimal", "Distance found"),
        Column("ρ", "decimal", "Rank correlation", "rho"),
        Column("95 %", "text", "Rank correlation", "interval"),
        Column("p", "decimal", "Rank correlation"),
    )
    norm = _NORMS[view.clever[0].norm] if view.clever else ""
    notes = (
        f"Both in grey levels (0–255) of {norm}, for the bare model. Found: the smallest distance of each sample that "
        "was fooled; attacks with a budget count for any attack alone, since they seek no nearest image.",
    )
    rows = tuple(_cells(view, row) for row in view.clever)
    return Table("grid-clever", f"CLEVER beside the distances found, {norm}", columns, rows, notes)


def _cells(view: GridView, row: CleverRow) -> tuple[Cell, ...]:
    name = view.short.get(row.attack, row.attack)
    found = row.correlation
    between = None if found is None or found.low is None else f"{found.low:.2f} to {found.high:.2f}"
    p_value = None if found is None else found.p_value
    return row.model, name, row.scored, row.mean_score, row.found, row.mean_distance, row.rho, between, p_value


def clever_sentences(view: GridView) -> list[str]:
    """How the scores of each network's samples rank them, and whether those of networks rank these, as attacks do."""
    first = {row.model: row for row in reversed(view.clever)}
    rows = [first[model] for model in dict.fromkeys(row.model for row in view.clever)]
    return [sentence for sentence in (*map(_samples, rows), _networks(rows)) if sentence]


def _samples(row: CleverRow) -> str:
    found = row.correlation
    if found is None or found.rho is None:
        return ""
    assert found.p_value is not None  # as ρ
    return (
        f"CLEVER ranks the samples of {row.model} as the smallest {_NORMS[row.norm]} distances found do with ρ = "
        f"{found.rho:.2f} (p = {found.p_value:.2g})."
    )


def _networks(rows: list[CleverRow]) -> str:
    known = [
        (row.mean_score, row.mean_distance, row.model)
        for row in rows
        if row.mean_score is not None and row.mean_distance is not None
    ]
    if len(known) < 2:
        return ""
    means = listed([f"{decimal(score)} and {decimal(distance)} for {model}" for score, distance, model in known])
    same = sorted(known) == sorted(known, key=lambda each: each[1])
    verdict = "the same order" if same else "another order each"
    return f"Mean CLEVER and mean distance found, {means}, put the networks in {verdict}."
