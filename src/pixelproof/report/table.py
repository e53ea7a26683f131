"""A table as a value: typed cells, written the same way as CSV, Markdown, LaTeX and HTML."""

import csv
import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

from markupsafe import Markup, escape

from pixelproof.files import file_name, write_whole
from pixelproof.results.intervals import Interval, Rate
from pixelproof.wording import (
    NOTHING,
    attack_name,
    count,
    decimal,
    harmless_cell,
    method_name,
    minus,
    percent,
    search_name,
    tiny,
    whole,
)

#: ``verdict``: of a claim, a severity; ``status``: of a level; ``points``: a difference of shares.
Kind = Literal[
    "text",
    "attack",
    "search",
    "verdict",
    "status",
    "integer",
    "decimal",
    "ratio",
    "rate",
    "share",
    "points",
    "interval",
    "tiny",
]
Value = str | int | float | Rate | Interval | None
#: Rows of a table in Markdown and LaTeX, at most: of more, nobody reads them there.
TYPESET = 1_000
_LEFT = ("text", "attack", "search", "verdict", "status")
_NAMES = {"attack": attack_name, "search": search_name}


@dataclass(frozen=True)
class Bold:
    """A cell that stands out. CSV has no means for that: what is bold and why belongs in a note of the table."""

    value: Value


Cell = Value | Bold


@dataclass(frozen=True)
class Column:
    """``name`` heads the column, ``group`` spans neighbours, ``key`` is its name in CSV files."""

    name: str
    kind: Kind = "text"
    group: str = ""
    key: str = ""

    @property
    def left(self) -> bool:
        return self.kind in _LEFT

    @property
    def full_name(self) -> str:
        return f"{self.group}: {self.name}" if self.group else self.name

    @property
    def fields(self) -> tuple[str, ...]:
        """Its columns in CSV: a ratio or rate has two (``…``, ``…_of``), an interval too (``…_low``, ``…_high``)."""
        key = self.key or re.sub(r"\W+", "_", f"{self.group} {self.name}".strip().lower()).strip("_")
        if self.kind in ("ratio", "rate"):
            return (key, f"{key}_of")
        return (f"{key}_low", f"{key}_high") if self.kind == "interval" else (key,)

    def text(self, cell: Cell) -> str:
        """The cell as people read it."""
        if isinstance(cell, Bold):
            return self.text(cell.value)
        if cell is None:
            return NOTHING
        if isinstance(cell, Rate):
            return f"{percent(cell.value)} ({cell.ratio})" if self.kind == "rate" else cell.ratio
        if isinstance(cell, str):
            return _NAMES.get(self.kind, method_name)(cell)
        if isinstance(cell, Interval):
            return str(cell)
        if self.kind == "share":
            return percent(cell)
        if self.kind == "tiny":
            return tiny(cell)
        if self.kind == "points":
            return minus(100 * cell, ".1f")
        return decimal(cell) if self.kind == "decimal" else whole(cell)

    def values(self, cell: Cell) -> tuple[str | int | float | None, ...]:
        """The cell as programs read it, one value for each of ``fields``; shares lie in [0, 1]."""
        if isinstance(cell, Bold):
            return self.values(cell.value)
        if cell is None:
            return (None,) * len(self.fields)
        if isinstance(cell, Rate):
            return (cell.successes, cell.total)
        return (cell.low, cell.high) if isinstance(cell, Interval) else (cell,)


@dataclass(frozen=True)
class Table:
    """``rows`` hold one cell for each column, None where there is nothing; ``notes`` stand below.

    ``anchors`` are the ids by which a page's links find the rows, where there are any.
    """

    name: str  # the file's stem
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()
    anchors: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"A row of {len(row)} cells in a table of {len(self.columns)} columns.")

    def without_empty(self) -> "Table":
        """The table without the columns in which no row has anything."""
        kept = [k for k in range(len(self.columns)) if any(row[k] is not None for row in self.rows)]
        rows = tuple(tuple(row[k] for k in kept) for row in self.rows)
        return replace(self, columns=tuple(self.columns[k] for k in kept), rows=rows)

    def texts(self) -> list[list[str]]:
        """The cells as people read them, row by row."""
        return [[column.text(cell) for column, cell in self._cells(row)] for row in self.rows]

    def csv(self) -> str:
        """Raw values under machine-readable names; no title, no notes."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow([harmless_cell(field) for column in self.columns for field in column.fields])
        for row in self.rows:
            writer.writerow([harmless_cell(v) for column, cell in self._cells(row) for v in column.values(cell)])
        return out.getvalue()

    def first(self, most: int) -> "Table":
        """Its first ``most`` rows, and a note on where the others are; itself where there are no others."""
        if len(self.rows) <= most:
            return self
        note = f"The first {count(most)} of {count(len(self.rows))} rows; {self.name}.csv has all."
        return replace(self, rows=self.rows[:most], notes=(*self.notes, note), anchors=self.anchors[:most])

    def markdown(self) -> str:
        """A GitHub table under its title in bold, notes below."""
        head = [_markdown(c.full_name) for c in self.columns]
        rule = [":--" if c.left else "--:" for c in self.columns]
        body = [[_marked(cell, _markdown(c.text(cell)), "**{}**") for c, cell in self._cells(row)] for row in self.rows]
        lines = ["| " + " | ".join(cells) + " |" for cells in (head, rule, *body)]
        notes = [f"\n{_markdown(note)}" for note in self.notes]
        return "\n".join([f"**{_markdown(self.title)}**", "", *lines, *notes]) + "\n"

    def latex(self) -> str:
        """A ``table`` float; needs the package booktabs."""
        body = [
            " & ".join(_marked(cell, _latex(c.text(cell)), r"\textbf{{{}}}") for c, cell in self._cells(row)) + r" \\"
            for row in self.rows
        ]
        notes = [rf"\par\smallskip{{\footnotesize {_latex(note)}}}" for note in self.notes]
        return "\n".join(
            [
                r"\begin{table}",
                r"\centering",
                rf"\caption{{{_latex(self.title)}}}",
                rf"\begin{{tabular}}{{{''.join('l' if c.left else 'r' for c in self.columns)}}}",
                r"\toprule",
                *self._latex_groups(),
                " & ".join(_latex(c.name) for c in self.columns) + r" \\",
                r"\midrule",
                *body,
                r"\bottomrule",
                r"\end{tabular}",
                *notes,
                r"\end{table}",
                "",
            ]
        )

    def html(self) -> Markup:
        """A ``table`` with caption, scopes, and the classes ``number``, ``verdict`` and ``status``; notes below it."""
        ids = self.anchors or ("",) * len(self.rows)
        rows = Markup("").join(self._html_row(row, id_) for row, id_ in zip(self.rows, ids, strict=True))
        notes = Markup("").join(Markup('<p class="note">{}</p>').format(note) for note in self.notes)
        return Markup(
            '<div class="scroll" tabindex="0" role="region" aria-label="{}">'
            "<table><caption>{}</caption><thead>{}</thead><tbody>{}</tbody></table></div>{}"
        ).format(self.title, self.title, self._html_head(), rows, notes)

    def _cells(self, row: tuple[Cell, ...]) -> list[tuple[Column, Cell]]:
        return list(zip(self.columns, row, strict=True))

    def _groups(self) -> list[tuple[str, int]]:
        """Heading and width of each run of columns with the same group."""
        return [(group, len(list(cells))) for group, cells in groupby(self.columns, key=lambda c: c.group)]

    def _latex_groups(self) -> list[str]:
        if not any(c.group for c in self.columns):
            return []
        heads, rules, start = [], [], 1
        for group, width in self._groups():
            heads.append(rf"\multicolumn{{{width}}}{{c}}{{{_latex(group)}}}" if group else "&" * (width - 1))
            if group:
                rules.append(rf"\cmidrule(lr){{{start}-{start + width - 1}}}")
            start += width
        return [" & ".join(heads) + r" \\", " ".join(rules)]

    def _html_head(self) -> Markup:
        if not any(c.group for c in self.columns):
            return Markup("<tr>{}</tr>").format(Markup("").join(_heading(c) for c in self.columns))
        upper, lower = Markup(), Markup()
        for group, columns in groupby(self.columns, key=lambda c: c.group):
            members = list(columns)
            if group:
                upper += Markup('<th scope="colgroup" colspan="{}" class="group">{}</th>').format(len(members), group)
                lower += Markup("").join(_heading(c) for c in members)
            else:
                upper += Markup("").join(_heading(c, rows=2) for c in members)
        return Markup("<tr>{}</tr><tr>{}</tr>").format(upper, lower)

    def _html_row(self, row: tuple[Cell, ...], id_: str) -> Markup:
        cells = Markup()
        for k, (column, cell) in enumerate(self._cells(row)):
            tag, scope = ("th", Markup(' scope="row"')) if k == 0 else ("td", Markup())
            text = column.text(cell)
            kind = _coloured(column, text) or ("" if column.left else "number")
            style = Markup(' class="{}"').format(kind) if kind else Markup()
            content = _marked(cell, escape(text), Markup("<strong>{}</strong>"))
            cells += Markup("<{}{}{}>{}</{}>").format(Markup(tag), scope, style, content, Markup(tag))
        anchor = Markup(' id="{}"').format(id_) if id_ else Markup()
        return Markup("<tr{}>{}</tr>").format(anchor, cells)


def _marked(cell: Cell, text: str, bold: str) -> str:
    """``text``, which is how ``cell`` is written, in the form ``bold`` where it is."""
    return bold.format(text) if isinstance(cell, Bold) else text


def _heading(column: Column, rows: int = 1) -> Markup:
    span = Markup(' rowspan="{}"').format(rows) if rows > 1 else Markup()
    kind = column.kind if column.kind in _COLOURED else "" if column.left else "number"
    style = Markup(' class="{}"').format(kind) if kind else Markup()
    return Markup('<th scope="col"{}{}>{}</th>').format(span, style, escape(column.name))


#: Colours by how the text begins; never by colour alone. What only held is not coloured as a proof.
_COLOURED: Mapping[str, Mapping[str, str]] = {
    "verdict": {
        "held": "good",
        "not held": "bad",
        "cannot be said": "open",
        "error": "bad",
        "warning": "open",
    },
    "status": {"broken": "bad", "proved": "good", "undecided": "open"},
}


def _coloured(column: Column, text: str) -> str:
    """The classes of a cell that has a verdict; empty where it has none."""
    if column.kind not in _COLOURED:
        return ""
    colour = next((colour for start, colour in _COLOURED[column.kind].items() if text.startswith(start)), "plain")
    return f"{column.kind} {colour}"


def write_forms(tables: Iterable[Table], folder: Path) -> list[Path]:
    """Each of ``tables`` as NAME.csv, NAME.md and NAME.tex in ``folder``; returns the paths written.

    All rows are in the first; the others, which are for people, have at most ``TYPESET``.
    """
    paths = []
    for table in tables:
        short, name = table.first(TYPESET), file_name(table.name)
        for suffix, text in (("csv", table.csv()), ("md", short.markdown()), ("tex", short.latex())):
            paths.append(write_whole(folder / f"{name}.{suffix}", text))
    return paths


# What several tables have in common.


def rate_columns(group: str, counted: str, key: str, counted_key: str = "") -> tuple[Column, Column, Column]:
    """A rate in three columns below ``group``, for ``rate_cells``: the counts, the share and its interval."""
    return (
        Column(counted, "ratio", group, counted_key or counted),
        Column("share", "share", group, key),
        Column("95 %", "interval", group, key),
    )


def rate_cells(rate: Rate) -> tuple[Cell, Cell, Cell]:
    return rate, rate.value, None if rate.value is None else rate.interval


def pair_table(name: str, title: str, values: Mapping[str, str]) -> Table:
    """Names and their values."""
    return Table(name, title, (Column("Name", key="name"), Column("Value", key="value")), tuple(values.items()))


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested mappings as one, ``outer.inner`` → text; lists joined by commas."""
    found: dict[str, str] = {}
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            found.update(flat(value, f"{prefix}{key}."))
        else:
            found[f"{prefix}{key}"] = _plain(value)
    return found


def _plain(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(_plain, value)) or "none"
    return count(value) if isinstance(value, int) and abs(value) < 10**7 else method_name(str(value))


# Text escaped for Markdown and LaTeX; HTML has ``markupsafe``, CSV the standard library.

_IN_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "[": "{[}",  # at the start of a row it would be read as the argument of the \\ before it
    "]": "{]}",
    "±": r"$\pm$",
    "−": "$-$",
    "×": r"$\times$",
    "∞": r"$\infty$",
    "≤": r"$\leq$",
    "→": r"$\rightarrow$",
    "–": "--",
    "…": r"\ldots{}",
    "\u00a0": "~",
}
_IN_MARKDOWN = re.compile(r"([\\`*_\[\]|~#])")


def _latex(text: str) -> str:
    """``text`` as it is to be read, in a LaTeX paragraph or cell."""
    return "".join(_IN_LATEX.get(c, c) for c in _one_line(text))


def _markdown(text: str) -> str:
    """``text`` as it is to be read, in a cell of a Markdown table: no markup or HTML in it has effect."""
    escaped = _IN_MARKDOWN.sub(r"\\\1", _one_line(text))
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _one_line(text: str) -> str:
    return " ".join(text.split("\n"))
