"""Any of the tables for a terminal."""

from __future__ import annotations

from dataclasses import replace

from rich import box
from rich.table import Table as RichTable
from rich.text import Text

from pixelproof.report.table import Table

_UNBROKEN = "\u00a0%"


def narrowed(table: Table, *keep: str) -> Table:
    """``table`` with the columns alone whose CSV fields begin with one of ``keep``: a terminal has 80 characters."""
    places = [k for k, column in enumerate(table.columns) if column.fields[0].startswith(keep)]
    columns = tuple(table.columns[k] for k in places)
    return replace(table, columns=columns, rows=tuple(tuple(row[k] for k in places) for row in table.rows))


def terminal_table(table: Table) -> RichTable:
    """``table`` with its title above and its notes below; groups of columns stand over their names."""
    shown = RichTable(
        title=Text(table.title, style="bold"),
        caption=Text("\n".join(table.notes).replace(" %", _UNBROKEN), style="dim") if table.notes else None,
        title_justify="left",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1),
    )
    for column in table.columns:
        head = f"{column.group}\n{column.name}" if column.group else column.name
        shown.add_column(Text(head), justify="left" if column.left else "right", no_wrap=True)
    for row in table.rows:
        shown.add_row(*(Text(column.text(cell)) for column, cell in zip(table.columns, row, strict=True)))
    return shown
