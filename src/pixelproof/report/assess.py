"""The page of one run: its sections, and the same in short for a terminal and a notebook."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup
from rich.table import Table as RichTable

from pixelproof.files import write_whole
from pixelproof.report import assess_tables as tables
from pixelproof.report import section
from pixelproof.report.assess_summary import summary
from pixelproof.report.figure import Figure, write_drawings
from pixelproof.report.gallery import gallery
from pixelproof.report.page import Page, write_page
from pixelproof.report.section import Contents, Section, Tile
from pixelproof.report.table import Cell, Column, Table, write_forms
from pixelproof.report.terminal import fragment, terminal_table
from pixelproof.results.attempts import WORST, AttemptRow
from pixelproof.results.duality import duality_rows
from pixelproof.results.intervals import Rate
from pixelproof.results.levels import claims, given_up, highest_safe_level
from pixelproof.results.perturb_view import read_perturbations
from pixelproof.results.view import View, read
from pixelproof.runs.database import FILE
from pixelproof.runs.store import RunStore
from pixelproof.wording import allowance, attack_name, count, percent, plural, safe_name, search_name, whole

_FREQUENT = 5  # changes of class listed for each attack

#: The folder in that of a run where its perturbations lie.
PERTURBATIONS = "perturbations"


def write_run(run: RunStore, folder: Path) -> Path:
    """Write ``report.html`` and ``tables/`` into ``folder``; returns the page's path."""
    return write_page(assess_page(run), folder)


def write_report(run: RunStore, path: Path) -> Path:
    """Write the report of ``run``, finished or not, to ``path`` and return it."""
    return write_whole(path, assess_page(run).html())


def write_tables(run: RunStore, folder: Path) -> list[Path]:
    """Every table of ``run`` as NAME.csv, NAME.md and NAME.tex in ``folder``; returns the paths written."""
    return write_forms(tables.all_tables(read(run)), folder)


def write_figures(run: RunStore, folder: Path, formats: Sequence[str] = ("svg",)) -> list[Path]:
    """Every figure of ``run`` as NAME.FORMAT in ``folder``; returns the paths written. Errors: ``write_drawings``."""
    return write_drawings(figures(run), folder, formats)


def figures(run: RunStore) -> list[Figure]:
    """Every figure of ``run``."""
    curves, maps = _drawn(read(run))
    return [*curves, *maps]


def assess_page(run: RunStore) -> Page:
    """The page of ``run``, finished or not; equal for equal runs. Its figures are no files until asked for."""
    view = read(run)
    manifest, (curves, maps) = view.manifest, _drawn(view)
    return Page(
        "robustness report",
        f"Robustness of {manifest.model.name} on {manifest.data.name}",
        (
            section.summary(summary(view), tiles=_tiles(view)),
            section.findings(tables.by_gravity(manifest.findings)),
            _minimal(view),
            _levels(view),
            _attempts(view),
            Section("figures", "Figures", [section.figures(curves)]) if curves else None,
            _duality(view),
            _classes(view, maps),
            _perturbations(run),
            _gallery(view, run),
            _reading(view),
            _details(view),
            _verify(view),
        ),
        Contents(tables.all_tables(view)),
        facts=_facts(view),
        status=manifest.status,
        notices=_notices(view),
        heading=Markup('{} <span class="on">on</span> {}').format(manifest.model.name, manifest.data.name),
        dense=False,
    )


# The head of the page.


def _facts(view: View) -> list[str]:
    """When the run was made, which it is, and its size."""
    chosen, named = view.manifest.selection, len({r.spec for r in view.named})
    samples = count(len(chosen.samples))
    attacked = samples if view.started == len(chosen.samples) else f"{count(view.started)} of {samples}"
    return [
        view.date or "",
        Markup("run <code>{}</code>").format(view.manifest.identity[:12]),
        f"{attacked} images attacked, {count(chosen.considered)} considered",
        f"{plural(len(view.attacks) + named, 'attack')}, {plural(len(view.records) + len(view.named), 'record')}",
    ]


def _notices(view: View) -> list[Markup]:
    """What is missing, of a run that is not finished."""
    if view.finished:
        return []
    chosen, records = len(view.manifest.selection.samples), len(view.records) + len(view.named)
    text = (
        f"This run is not finished: {plural(records, 'record')} so far, from {count(view.started)} "
        f"of {plural(chosen, 'selected image')}. Images that fall quickly are finished first, so the rates "
        "of an unfinished run read too high. Every number below may still change."
    )
    return [section.notice("warning", "Unfinished", text)]


def _tiles(view: View) -> list[Tile]:
    model = view.manifest.model
    clean = Rate(model.right, model.checked)
    tiles = [Tile(percent(clean.value), "clean accuracy", f"{clean.ratio} images, {clean.interval}")]
    for outcomes in view.outcomes:
        threshold = outcomes.thresholds[0]
        label = f"fooled by {allowance(outcomes.attack, threshold)}"
        tiles.append(_attacked_tile(label, outcomes.rate(threshold)))
    tiles += [_safe_tile(view, attack) for attack in view.attacks]
    for row in view.attempts[-1:]:  # the one attack by name, or the worst case over several
        who = "any attack by name" if row.attack == WORST else row.attack
        tiles.append(_attacked_tile(f"fooled by {who}", row.fooled))
    return tiles


def _attacked_tile(label: str, rate: Rate) -> Tile:
    return Tile(percent(rate.value), label, f"{rate.ratio} attacked, {rate.interval}")


def _safe_tile(view: View, attack: str) -> Tile:
    rows = [row for row in view.levels if row.attack == attack]
    highest = highest_safe_level(rows)
    tested = f"levels tested: {', '.join(str(th) for th in sorted({row.threshold for row in rows}))}"
    if highest is not None:
        return Tile(safe_name(attack, highest), attack_name(attack), tested)
    undecided = any(row.verdict == "undecided" for row in rows)
    return Tile("undecided" if undecided else "none safe", attack_name(attack), tested)


# Sections of results; None where the run has none of their kind.


def _minimal(view: View) -> Section | None:
    if not (view.minimal and view.records):
        return None
    return Section("minimal", "Minimal thresholds", [tables.minimal_table(view).html()])


def _levels(view: View) -> Section | None:
    shown = [tables.level_table(view, attack).html() for attack in view.attacks]
    return Section("levels", "Robustness levels", shown) if shown else None


def _attempts(view: View) -> Section | None:
    table = tables.attempt_table(view)
    if not table.rows:
        return None
    access = tables.ACCESS_NOTES[view.access] if view.manifest.spec.get("defence") and view.named else ""
    return Section("attacks", table.title, [section.prose(access), table.html()])


def _drawn(view: View) -> tuple[list[Figure], list[Figure]]:
    """The curves, and the maps of classes."""
    # Imported here, because Altair takes half a second that terminal tables need not wait for.
    from pixelproof.report.assess_figures import curve_figures
    from pixelproof.report.heat_map import class_figures

    return curve_figures(view), class_figures(view)


_PARTS = {  # colour: name, field
    "few": ("Few-pixel (L0) only", "few_pixel_only"),
    "both": ("both", "both"),
    "threshold": ("Threshold (L∞) only", "threshold_only"),
    "neither": ("neither", "neither"),
}


def _duality(view: View) -> Section | None:
    """Bars of four stretches: the images that fell to one attack only, to both, to neither."""
    bars = []
    for row in duality_rows(view.at_levels):
        images = [(colour, name, getattr(row, field)) for colour, (name, field) in _PARTS.items()]
        bars.append((row.threshold, [(*part, round(100 * part[-1] / row.total, 3)) for part in images]))
    if not bars:
        return None
    what = "For each threshold: the images attacked in both norms, by the attack that fooled them."
    shown = [section.prose(what), section.part("bars", bars), tables.duality_table(view).html()]
    return Section("duality", "What one norm shows and the other hides", shown)


def _classes(view: View, maps: list[Figure]) -> Section | None:
    if not maps:
        return None
    classes, changes = tables.class_table(view), tables.change_table(view, _FREQUENT)
    shown = [changes.html()] if changes.rows else []
    if view.many_classes:
        beside = [section.folded(f"All {len(classes.rows)} attacked classes", classes.html()), *map(_block, shown)]
    else:
        beside = [section.part("side_by_side", [classes.html(), *shown], "side-by-side")]
    return Section("classes", "Classes", [section.figures(maps), *beside])


def _block(content: Markup) -> Markup:
    return Markup("<div>{}</div>").format(content)


def _perturbations(run: RunStore) -> Section | None:
    """What was measured beside the attacks, where it was."""
    folder = None if run.folder is None else run.folder / PERTURBATIONS
    if folder is None or not (folder / FILE).exists():
        return None
    from pixelproof.report.perturb import perturb_summary
    from pixelproof.report.perturb_tables import standing_table

    view = read_perturbations(folder)
    link = Markup('<p><a href="{}/report.html">Every strength, distances and pictures</a></p>').format(PERTURBATIONS)
    shown = [section.listing(perturb_summary(view), "lead"), standing_table(view).html(), link]
    return Section("perturbations", "Common perturbations", shown)


def _gallery(view: View, run: RunStore) -> Section:
    levels = gallery(view, run)
    if not levels:
        nothing = f"No image was fooled{'' if view.finished else ' yet'}, so there is nothing to show."
        return Section("gallery", "Gallery", [section.prose(nothing)])
    return Section("gallery", "Gallery", [section.words("assess_gallery"), section.part("examples", levels)])


# Sections on how to read, repeat and verify it.


def _reading(view: View) -> Section:
    shown = section.words("assess_reading", view), section.subheading("Sources"), section.words("assess_sources")
    return Section("reading", "How to read this report", shown)


def _details(view: View) -> Section:
    found = (
        tables.subject_table(view),
        *tables.setting_tables(view),
        tables.environment_table(view),
        tables.timing_table(view),
    )
    shown = section.part("side_by_side", [table.html() for table in found if table.rows], "details")
    return Section("details", "Settings and environment", [shown])


def _verify(view: View) -> Section:
    trust = " --trust-code" if view.manifest.spec.get("trust_code") else ""
    command = f"pixelproof verify {shlex.quote(view.folder or 'RUN')}{trust}"
    how = section.words("assess_verify", view.folder, command, view.manifest.identity)
    return Section("verify", "How to verify", [how])


# In short, for a terminal and a notebook.


def terminal_tables(run: RunStore) -> list[RichTable]:
    """A table for each attack × search of ``run``, claims below it; then those of minimal thresholds and by name."""
    view = read(run)
    ordered = [row for attack in view.attacks for row in view.levels if row.attack == attack]
    groups = dict.fromkeys((row.attack, row.search) for row in ordered)
    found = [terminal_table(_short_levels(view, *group)) for group in groups]
    if view.minimal and view.records:
        found.append(terminal_table(_short_minimal(view)))
    return [*found, terminal_table(_short_attempts(view), wrapped="attack")] if view.attempts else found


def _short_levels(view: View, attack: str, search: str) -> Table:
    rows = [row for row in view.levels if (row.attack, row.search) == (attack, search)]
    title = f"{attack_name(attack)} by {search_name(search)}{', targeted' if view.targeted else ''}"
    columns = (
        Column("th", "integer"),
        Column("fooled", "ratio"),
        Column("share", "share"),
        Column("95 %", "interval"),
        Column("robust", "share"),
        Column("queries", "integer"),
        Column("verdict", "verdict"),
    )
    cells = tuple(
        (
            *(row.threshold, row.fooled, row.fooled.value, row.fooled.interval, row.robust.value, row.mean_queries),
            row.verdict.removesuffix(" (targeted)"),
        )
        for row in rows
    )
    pending = " (unfinished)" if any(row.pending for row in rows) else ""
    return Table("levels", title + pending, columns, cells, (*claims(rows), *filter(None, [given_up(rows)])))


def _short_minimal(view: View) -> Table:
    columns = (
        Column("attack", "attack"),
        Column("fooled", "ratio"),
        Column("quartiles of th", "integer"),
        Column("area", "integer"),
        Column("published", "integer"),
        Column("queries", "integer"),
    )
    rows = tuple(
        (
            *(m.attack, Rate(len(m.found), m.samples), ", ".join(map(whole, m.quartiles))),
            *(m.area, m.published_area, m.mean_queries),
        )
        for m in view.minimal_thresholds
    )
    note = "Areas are in percent × th, from zero and as published by Vargas & Kotyan."
    return Table("minimal", "Minimal thresholds", columns, rows, (note,))


def _short_attempts(view: View) -> Table:
    columns = (
        Column("attack"),
        Column("fooled", "ratio"),
        Column("share", "share"),
        Column("robust", "share"),
        Column("L2", "decimal"),
        Column("L∞", "decimal"),
        Column("queries", "integer"),
        Column("steps", "integer"),
    )
    note = "L2 and L∞: mean over fooled samples, in grey levels; steps: gradient steps."
    title = f"Attacks by name{', targeted' if view.targeted else ''}"
    return Table("attempts", title, columns, tuple(map(_short_attempt, view.attempts)), (note,))


def _short_attempt(row: AttemptRow) -> tuple[Cell, ...]:
    name = re.sub(r",(?=\w+=)", ", ", row.key)
    rates = row.fooled, row.fooled.value, row.robust.value
    return name, *rates, row.mean_l2, row.mean_linf, row.mean_queries, row.mean_gradient_steps


def levels_html(run: RunStore) -> str:
    """A heading line, findings and a level table for each attack, for a notebook's output cell."""
    view, m = read(run), run.manifest
    heading = f"{m.model.name} on {m.data.name}, run {m.identity[:12]}{'' if view.finished else ', unfinished'}"
    findings = [Markup("<b>{}</b> {}: {}").format(f.severity, f.name, f.message) for f in m.findings]
    return fragment(heading, findings, [tables.level_table(view, attack) for attack in view.attacks])
