"""The levels for a terminal: a table an attack, at home in 80 columns, with its claims below."""

from __future__ import annotations

import re

from rich import box
from rich.table import Table as RichTable
from rich.text import Text

from pixelproof.results.intervals import Rate
from pixelproof.results.levels import LevelRow, claims, given_up
from pixelproof.results.view import View, read
from pixelproof.runs.store import RunStore
from pixelproof.wording import attack_name, count, decimal, percent, search_name, whole

_UNBROKEN = "\u00a0%"
_STYLES = {"not safe": "red", "undecided": "yellow"}


def terminal_tables(run: RunStore) -> list[RichTable]:
    """A rich table for each attack × search of ``run``, claims in its caption; then one of minimal thresholds."""
    view = read(run)
    ordered = [row for attack in view.attacks for row in view.levels if row.attack == attack]
    groups = dict.fromkeys((row.attack, row.search) for row in ordered)
    levels = [_table(view, *group) for group in groups]
    minimal = [_minimal(view)] if view.minimal and view.records else []
    return [*levels, *minimal, *([_attempts(view)] if view.attempts else [])]


def _table(view: View, attack: str, search: str) -> RichTable:
    rows = [row for row in view.levels if (row.attack, row.search) == (attack, search)]
    title = Text(f"{attack_name(attack)} by {search_name(search)}", style="bold")
    if view.targeted:
        title.append(", targeted")
    if any(row.pending for row in rows):
        title.append(" (unfinished)", style="yellow")
    table = _empty(title, _caption(rows))
    for heading in ("th", "fooled", "share", "95 %", "robust", "queries"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for row in rows:
        table.add_row(*_cells(row))
    return table


def _minimal(view: View) -> RichTable:
    caption = Text("Areas are in percent × th, from zero and as published by Vargas & Kotyan.", style="dim")
    table = _empty(Text("Minimal thresholds", style="bold"), caption)
    table.add_column("attack", no_wrap=True)
    for heading in ("fooled", "quartiles of th", "area", "published", "queries"):
        table.add_column(heading, justify="right", no_wrap=True)
    for m in view.minimal_thresholds:
        fooled, quartiles = Rate(len(m.found), m.samples).ratio, ", ".join(map(whole, m.quartiles))
        table.add_row(attack_name(m.attack), fooled, quartiles, *map(whole, (m.area, m.published_area, m.mean_queries)))
    return table


def _attempts(view: View) -> RichTable:
    title = Text("Attacks by name", style="bold")
    if view.targeted:
        title.append(", targeted")
    caption = Text("L2 and L∞: mean over fooled samples, in grey levels; steps: gradient steps.", style="dim")
    table = _empty(title, caption)
    table.add_column("attack", overflow="fold")
    for heading in ("fooled", "share", "robust", "L2", "L∞", "queries", "steps"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in view.attempts:
        name = re.sub(r",(?=\w+=)", ", ", row.key)
        distances = decimal(row.mean_l2), decimal(row.mean_linf)
        costs = whole(row.mean_queries), whole(row.mean_gradient_steps)
        table.add_row(name, row.fooled.ratio, percent(row.fooled.value), percent(row.robust.value), *distances, *costs)
    return table


def _empty(title: Text, caption: Text | None) -> RichTable:
    return RichTable(
        title=title,
        caption=caption,
        title_justify="left",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1),
    )


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
    sentences = [*claims(rows), *filter(None, [given_up(rows)])]
    return Text("\n".join(sentences).replace(" %", _UNBROKEN), style="dim") if sentences else None
