"""The tables of attacks by name."""

from __future__ import annotations

from pixelproof.report.table import Cell, Column, Table
from pixelproof.results.attempts import WORST, AttemptRow
from pixelproof.results.view import View
from pixelproof.wording import plural

_CHANGE, _COST = "Mean change where fooled", "Mean cost of an image"
_COLUMNS = (
    Column("Attack"),
    Column("fooled", "ratio", "Adversarial accuracy", "fooled"),
    Column("share", "share", "Adversarial accuracy", "adversarial_accuracy"),
    Column("95 %", "interval", "Adversarial accuracy", "adversarial_accuracy"),
    Column("share", "share", "Robust accuracy", "robust_accuracy"),
    Column("95 %", "interval", "Robust accuracy", "robust_accuracy"),
    Column("L0", "decimal", _CHANGE, "mean_l0"),
    Column("L2", "decimal", _CHANGE, "mean_l2"),
    Column("L∞", "decimal", _CHANGE, "mean_linf"),
    Column("queries", "integer", _COST, "mean_queries"),
    Column("gradient steps", "integer", _COST, "mean_gradient_steps"),
    Column("seconds", "decimal", _COST, "seconds"),
)


def attempt_table(view: View) -> Table:
    """A row for each attack by name, and their worst case; no rows where there is none."""
    rows = view.attempts
    return Table(
        "attacks", "Attacks by name", _COLUMNS, tuple(_cells(row) for row in rows), tuple(_notes(view)) if rows else ()
    )


def _cells(row: AttemptRow) -> tuple[Cell, ...]:
    fooled, robust = row.fooled, row.robust
    distances = row.mean_l0, row.mean_l2, row.mean_linf
    costs = row.mean_queries, row.mean_gradient_steps, row.seconds
    return row.key, fooled, fooled.value, fooled.interval, robust.value, robust.interval, *distances, *costs


def _notes(view: View) -> list[str]:
    notes = ["L0 counts pixels; L2 and L∞ are over all channel values in grey levels (0–255), of 8-bit images."]
    if any(row.attack == WORST for row in view.attempts):
        notes.append("Worst case: a sample counts as fooled when any of these attacks fooled it.")
    if view.way != "end-to-end":
        notes.append(WAYS[view.way])
    if (pending := max((row.pending for row in view.attempts), default=0)) > 0:
        notes.append(f"Unfinished: up to {plural(pending, 'sample')} of an attack have no record yet.")
    return notes


#: How attacks by name meet a defence, in a sentence.
WAYS = {
    "end-to-end": "The attacks saw the model behind its defence as it answers.",
    "replayed": "The attacks saw the model without its defence; their images were then shown to the defended one.",
    "adaptive": "The attacks knew the defence: what has no gradient was passed over backwards (BPDA), what is random "
    "was averaged over draws (EOT).",
}
