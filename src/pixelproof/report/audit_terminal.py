"""The verdicts of an audit for a terminal."""

from __future__ import annotations

from rich import box
from rich.table import Table
from rich.text import Text

from pixelproof.report.audit_page import SIGNS
from pixelproof.results.audit.view import AuditView

_STYLES = {"fail": "bold red", "warn": "yellow", "pass": "green", "person": "magenta", "skipped": "dim"}


def verdict_list(view: AuditView) -> Table:
    """A row a checkpoint, its finding broken over lines."""
    shown = Table(
        title="Checkpoints",
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    shown.add_column("No.", justify="right", no_wrap=True)
    shown.add_column("Checkpoint", no_wrap=True)
    shown.add_column("Verdict", no_wrap=True)
    shown.add_column("Finding")
    for each in view.answers:
        sign, style = SIGNS[each.verdict], _STYLES[each.verdict]
        verdict = Text(f"{sign.mark} {sign.word}", style=style)
        shown.add_row(str(each.number), Text(each.name), verdict, Text(each.finding))
    return shown
