"""The sections of a page and the parts they are made of: each part is a piece of HTML, made by a macro of its name."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from random import Random
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined, Template
from markupsafe import Markup

from pixelproof.report.figure import Figure, in_page
from pixelproof.report.table import Table, flat
from pixelproof.runs.record import Finding
from pixelproof.wording import plural

_SHORT = 40  # rows of a table that is shown whole
_FIRST = 25  # rows of a longer one that are in sight at once
_MOST = 20_000  # rows that a page has to sort and filter, some 100 characters each: 10,000 images under both norms
_BREAK = "\u00a0%"


@dataclass(frozen=True)
class Section:
    """``parts`` below a heading that is linked to by ``id``; ``folded`` ones open when a reader asks for them."""

    id: str
    title: str
    parts: Sequence[Markup]
    style: str = ""
    folded: bool = False


@dataclass(frozen=True)
class Tile:
    """One number at the head of the page."""

    value: str
    label: str
    detail: str


@dataclass(frozen=True)
class Claim:
    """What the page says first: ``text`` in large letters, ``basis`` below it: what it rests on.

    ``style`` colours it: ``good``, ``bad``, ``open``, or empty for what is no verdict.
    """

    text: str
    basis: str
    style: str = ""


@dataclass(frozen=True)
class Headline:
    """The first screen: what was found and on what it rests, the numbers to see at once, and one picture."""

    claims: Sequence[Claim]
    tiles: Sequence[Tile] = ()
    figures: Sequence[Figure] = ()

    def html(self) -> Markup:
        return part("headline", self)


@dataclass(frozen=True)
class Contents:
    """The tables and figures that lie beside a page as files, and how its sections pick them."""

    tables: Sequence[Table]
    figures: Sequence[Figure] = ()

    def table(self, name: str) -> Markup:
        """The table called ``name``; nothing where there is none."""
        return Markup("").join(table.html() for table in self.tables if table.name == name)

    def folded(self, name: str) -> Markup:
        """The same behind its title and its number of rows."""
        found = [table for table in self.tables if table.name == name]
        return Markup("").join(
            folded(f"{table.title}: {plural(len(table.rows), 'row')}", rows(table)) for table in found
        )

    def tables_of(self, start: str) -> Markup:
        """All tables whose names begin with ``start``."""
        return Markup("").join(table.html() for table in self.tables if table.name.startswith(start))

    def rows(self, name: str) -> Markup:
        """The table called ``name``, to sort, filter and turn the pages of."""
        return Markup("").join(rows(table) for table in self.tables if table.name == name)

    def figures_of(self, start: str) -> Markup:
        """All figures whose names begin with ``start``."""
        return figures(self.pick(start))

    def pick(self, start: str) -> list[Figure]:
        """The figures whose names begin with ``start``."""
        return [figure for figure in self.figures if figure.name.startswith(start)]


# Parts.


def part(macro: str, *values: Any, file: str = "parts.html.j2") -> Markup:
    """What ``macro`` of the template ``file`` makes of ``values``."""
    return Markup(getattr(template(file).module, macro)(*values))


def words(macro: str, *values: Any) -> Markup:
    """Standing text of a page."""
    return part(macro, *values, file="words.html.j2")


def rows(table: Table) -> Markup:
    """``table`` whole where it is short; else its first rows, and all of them where a script can show them.

    Of a very long one a page holds rows drawn at random, so that they are of all kinds alike: every second row of a
    table may be all of one class.
    """
    table = table.without_empty()
    if len(table.rows) <= _SHORT:
        return table.html()
    columns = [
        {"name": column.full_name, "key": column.fields[0], "number": not column.left} for column in table.columns
    ]
    held = replace(table, rows=_drawn(table.rows), anchors=())
    data = in_page(json.dumps({"columns": columns, "rows": held.texts()}, ensure_ascii=False, separators=(",", ":")))
    first = replace(table, rows=table.rows[:_FIRST], notes=(), anchors=()).html()
    return part("rows", table, first, Markup(data), _FIRST, len(held.rows))


def _drawn(rows: Sequence[Any]) -> tuple[Any, ...]:
    """``_MOST`` of ``rows`` at most, in their order; the same ones whenever the page is written."""
    if len(rows) <= _MOST:
        return tuple(rows)
    drawn = Random(0).sample(range(len(rows)), _MOST)  # noqa: S311 (which are shown is no secret)
    return tuple(rows[k] for k in sorted(drawn))


def prose(*sentences: str) -> Markup:
    """A paragraph each, of those that say anything."""
    return part("prose", [sentence for sentence in sentences if sentence])


def listing(sentences: Iterable[str], style: str = "") -> Markup:
    """A list of sentences."""
    return part("listing", list(sentences), style)


def notice(severity: str, word: str, text: str) -> Markup:
    """What a reader must know before all else."""
    return part("notice", severity, word, text)


def figures(found: Sequence[Figure], level: int = 3) -> Markup:
    """Figures side by side, their titles headings of ``level``; nothing where there are none."""
    return part("figures", found, level) if found else Markup()


def folded(summary: str, *parts: Markup, style: str = "", shown: bool = False) -> Markup:
    """``parts`` that stand behind ``summary`` until a reader asks for them, or at once where ``shown``."""
    return part("folded", summary, parts, style, shown)


def still(*parts: Markup) -> Markup:
    """``parts`` for paper and for readers without scripts; others see something better in their place."""
    return Markup('<div class="still-only">{}</div>').format(Markup("").join(parts))


def pairs(values: Iterable[tuple[str, str]], style: str = "") -> Markup:
    """Names and values as a small table without a head."""
    return part("pairs", list(values), style)


def values(summary: str, told: Mapping[str, Any], style: str = "") -> Markup:
    """Settings and the like, folded away; those that are None are left out."""
    known = flat({key: value for key, value in told.items() if value is not None})
    return folded(summary, pairs(known.items()), style=style)


def subheading(text: str) -> Markup:
    return Markup("<h3>{}</h3>").format(text)


# Sections that most pages have.


def summary(sentences: Iterable[str], *more: Markup) -> Section:
    """The whole in sentences that need no background."""
    return Section("summary", "Summary", (listing(sentences, "lead"), *more))


def findings(found: Sequence[Finding | tuple[str, Finding]], title: str = "Findings") -> Section | None:
    """What preflight and engine noticed, each after its label where it has one; None where that is nothing."""
    labelled = [each if isinstance(each, tuple) else ("", each) for each in found]
    shown = [
        part("finding", finding.severity, f"{label}: {finding.message}" if label else finding.message, finding.name)
        for label, finding in labelled
    ]
    return Section("findings", title, shown) if shown else None


# Templates.


@cache
def template(name: str) -> Template:
    """The template in the file ``name``, which escapes all that it is given."""
    environment = Environment(
        loader=FunctionLoader(resource),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["unbroken"] = unbroken
    return environment.get_template(name)


def resource(name: str) -> str:
    """The text of a file of this package."""
    return files("pixelproof.report").joinpath(name).read_text(encoding="utf-8")


def unbroken(text: str) -> str:
    """``text`` (HTML or not); ``5 %``, ``th = 1`` and ``[0.2, 0.5]`` stay in one piece at the end of a line."""
    kept = re.sub(r"\bth = (?=\d)", "th\u00a0=\u00a0", text.replace(" %", _BREAK))
    return type(text)(re.sub(r"(\[−?[\d.]+,) (?=−?[\d.]+\])", "\\1\u00a0", kept))
