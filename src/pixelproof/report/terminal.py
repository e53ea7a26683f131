"""The levels for a terminal: a table an attack, at home in 80 columns, with its claims below."""

from __future__ import annotations

from rich import box
from rich.table import Table as RichTable
from rich.text import Text

from pixelproof.analysis.levels import LevelRow, claims
from pixelproof.analysis.wording import attack_name, count, percent, search_name
from pixelproof.report.view import View, read
from pixelproof.runs.store import RunStore

_UNBROKEN = "\u00a0%"
_STYLES = {"not safe": "red", "undecided": "yellow"}


def terminal_tables(run: RunStore) -> list[RichTable]:
    """A rich table for each attack × search of ``run``; claims of safe levels in its caption."""
    view = read(run)
    ordered = [row for attack in view.attacks for row in view.levels if row.attack == attack]
    groups = dict.fromkeys((row.attack, row.search) for row in ordered)
    return [_table(view, *group) for group in groups]


def _table(view: View, attack: str, search: str) -> RichTable:
    rows = [row for row in view.levels if (row.attack, row.search) == (attack, search)]
    title = Text(f"{attack_name(attack)} by {search_name(search)}", style="bold")
    if view.targeted:
        title.append(", targeted")
    if any(row.pending for row in rows):
        title.append(" (unfinished)", style="yellow")
    table = RichTable(
        title=title,
        caption=_caption(rows),
        title_justify="left",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1),
    )
    for heading in ("th", "fooled", "share", "95 %", "robust", "queries"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for row in rows:
        table.add_row(*_cells(row))
    return table


def _cells(row: LevelRow) -> tuple[str | Text, ...]:
    return (
        str(row.threshold),
        row.fooled.ratio,
        percent(row.fooled.value),
        str(row.fooled.interval),
        percent(row.robust.value),
        count(None if row.mean_queries is None else round(row.mean_queries)),
        Text(row.verdict.removesuffix(" (targeted)"), style=_STYLES.get(row.verdict, "green")),
    )


def _caption(rows: list[LevelRow]) -> Text | None:
    sentences = claims(rows)
    return Text("\n".join(sentences).replace(" %", _UNBROKEN), style="dim") if sentences else None
