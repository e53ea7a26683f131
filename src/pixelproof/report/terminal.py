"""Any of the tables outside a page: for a terminal, and as a fragment of HTML in a notebook's output cell."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from markupsafe import Markup
from rich import box
from rich.table import Table as RichTable
from rich.text import Text

from pixelproof.report.section import folded
from pixelproof.report.table import Column, Table
from pixelproof.wording import plural

#: Rows of a table that an output cell shows at first sight.
_ROWS = 12
_UNBROKEN = "\u00a0%"
_STYLES = {  # of verdicts, by how they begin
    "broken": "red",
    "proved": "green",
    "undecided": "yellow",
    "held": "bold",
    "not held": "red",
    "cannot be said": "yellow",
    "error": "red",
    "warning": "yellow",
}
_FRAGMENT = """<style>
.pixelproof {max-width: 900px; --bad: #b3261e; --good: #1d6b33; --open: #855300}
@media (prefers-color-scheme: dark) {.pixelproof {--bad: #ff8a80; --good: #7bd492; --open: #f0b44c}}
[data-jp-theme-light="true"] .pixelproof, .vscode-light .pixelproof {--bad: #b3261e; --good: #1d6b33; --open: #855300}
[data-jp-theme-light="false"] .pixelproof, .vscode-dark .pixelproof {--bad: #ff8a80; --good: #7bd492; --open: #f0b44c}
.pixelproof p {margin: .3em 0}
.pixelproof table {font-size: inherit; border-collapse: collapse; margin: .5em 0; font-variant-numeric: tabular-nums}
.pixelproof caption {text-align: left; font-weight: 600; padding: .3em 0}
.pixelproof th, .pixelproof td {padding: .2em .6em; text-align: left; vertical-align: top}
.pixelproof th, .pixelproof .number, .pixelproof .verdict {white-space: nowrap}
.pixelproof thead th {border-bottom: 1px solid currentColor; vertical-align: bottom}
.pixelproof .group {text-align: center}
.pixelproof .number, .pixelproof tbody th {text-align: right}
.pixelproof .scroll {overflow-x: auto}
.pixelproof .bad {color: var(--bad)} .pixelproof .good {color: var(--good)} .pixelproof .open {color: var(--open)}
.pixelproof .note {margin: .2em 0; opacity: .8}
</style>"""


def narrowed(table: Table, *keep: str) -> Table:
    """``table`` with the columns alone whose CSV fields begin with one of ``keep``: a terminal has 80 characters."""
    places = [k for k, column in enumerate(table.columns) if column.fields[0].startswith(keep)]
    columns = tuple(table.columns[k] for k in places)
    return replace(table, columns=columns, rows=tuple(tuple(row[k] for k in places) for row in table.rows))


def terminal_table(table: Table, wrapped: str = "", styles: Mapping[str, str] = _STYLES) -> RichTable:
    """``table`` with its title above and its notes below; groups of columns stand over their names.

    The column called ``wrapped`` breaks over lines, and the others stand closer to leave it room. ``styles`` are those
    of verdicts, by how they begin.
    """
    title = Text(table.title, style="bold")
    title.highlight_words(["(unfinished)"], "yellow")
    shown = RichTable(
        title=title,
        caption=Text("\n".join(table.notes).replace(" %", _UNBROKEN), style="dim") if table.notes else None,
        title_justify="left",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0) if wrapped else (0, 1),
    )
    for column in table.columns:
        head = f"{column.group}\n{column.name}" if column.group else column.name
        breaks = column.name == wrapped
        shown.add_column(
            Text(head),
            justify="left" if column.left else "right",
            no_wrap=not breaks,
            overflow="fold" if breaks else "ellipsis",
        )
    for row in table.rows:
        texts = [(column, column.text(cell)) for column, cell in zip(table.columns, row, strict=True)]
        shown.add_row(*(Text(text, _style(column, text, styles)) for column, text in texts))
    return shown


def _style(column: Column, text: str, styles: Mapping[str, str]) -> str:
    if column.kind not in ("verdict", "status"):
        return ""
    return next((style for start, style in styles.items() if text.startswith(start)), "")


def fragment(heading: str | Markup, sentences: Iterable[str | Markup], tables: Iterable[Table]) -> str:
    """A heading, sentences and tables; escaped, and styled only inside their own ``div``."""
    said = Markup("").join(Markup("<p>{}</p>").format(text) for text in (heading, *sentences))
    shown = Markup("").join(map(_shown, tables))
    return str(Markup('<div class="pixelproof">{}{}{}</div>').format(Markup(_FRAGMENT), said, shown))


def _shown(table: Table) -> Markup:
    """``table``, a long one behind its title; its notes stand in sight."""
    if len(table.rows) <= _ROWS:
        return table.html()
    notes = Markup("").join(Markup('<p class="note">{}</p>').format(note) for note in table.notes)
    title = f"{table.title}: {plural(len(table.rows), 'row')}"
    return folded(title, replace(table, notes=()).html()) + notes
