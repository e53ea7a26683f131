"""The page of one run: its sections, and the same in short for a terminal and a notebook."""

import re
from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup
from rich.table import Table as RichTable

from pixelproof.files import write_whole
from pixelproof.report import assess_tables as tables
from pixelproof.report import section
from pixelproof.report.assess_summary import summary
from pixelproof.report.figure import Figure, write_drawings
from pixelproof.report.gallery import all_broken, gallery
from pixelproof.report.glossary import Word, words
from pixelproof.report.page import Page, write_page
from pixelproof.report.section import Claim, Contents, Headline, Section, Tile
from pixelproof.report.status_tables import image_table, status_notes, status_table
from pixelproof.report.table import Cell, Column, Table, write_forms
from pixelproof.report.terminal import fragment, terminal_table
from pixelproof.results.attempts import WORST, AttemptRow
from pixelproof.results.duality import duality_rows
from pixelproof.results.intervals import Rate
from pixelproof.results.levels import LevelRow
from pixelproof.results.perturb_view import read_perturbations
from pixelproof.results.status import LevelStatus
from pixelproof.results.verdict import highest, named, sentence, verdict
from pixelproof.results.view import View, read
from pixelproof.runs.database import FILE
from pixelproof.runs.identity import verify_command
from pixelproof.runs.store import RunStore
from pixelproof.wording import allowance, attack_name, count, listed, percent, plural, search_name, whole

_FREQUENT = 5  # changes of class listed for each attack

#: The folder in that of a run where its perturbations lie.
PERTURBATIONS = "perturbations"


def write_run(run: RunStore, folder: Path, view: View | None = None) -> Path:
    """Write ``report.html`` and ``tables/`` into ``folder``; returns the page's path.

    ``view`` is what was read of ``run`` already.
    """
    return write_page(assess_page(run, view), folder)


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
    statuses, curves, maps = _drawn(read(run))
    return [*statuses, *curves, *maps]


def assess_page(run: RunStore, view: View | None = None) -> Page:
    """The page of ``run``, finished or not; equal for equal runs. Its figures are no files until asked for."""
    view = view or read(run)
    manifest, (statuses, curves, maps) = view.manifest, _drawn(view)
    first = (curves or statuses)[:1]
    statuses, curves = ([each for each in some if each not in first] for some in (statuses, curves))
    return Page(
        "robustness report",
        f"Robustness of {manifest.model.name} on {manifest.data.name}",
        Headline(_claims(view), _tiles(view), first),
        (
            section.summary(summary(view)),
            section.findings(tables.by_gravity(manifest.findings)),
            _status(view, statuses),
            _minimal(view),
            _levels(view),
            _knowledge(view),
            _attempts(view),
            _failures(view),
            Section("figures", "Figures", [section.figures(curves)]) if curves else None,
            _duality(view),
            _classes(view, maps),
            _perturbations(run),
            _gallery(view, run),
            _images(view),
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
    what = [f"{plural(len(view.attacks) + named, 'attack')}, {plural(len(view.records) + len(view.named), 'record')}"]
    alone = bool(view.failures) and not (view.constraints or view.named)
    return [
        view.date or "",
        Markup("run <code>{}</code>").format(view.manifest.identity[:12]),
        f"{attacked} images{'' if alone else ' attacked'}, {count(chosen.considered)} considered",
        *([] if alone else what),
        *([plural(len(view.failures), "distribution")] if view.failures else []),
    ]


def _notices(view: View) -> list[Markup]:
    """What is missing, of a run that is not finished."""
    if view.finished:
        return []
    chosen, records = len(view.manifest.selection.samples), len(view.records) + len(view.named)
    text = (
        f"This run is not finished: {plural(records, 'record')} so far, from {count(view.started)} "
        f"of {plural(chosen, 'selected image')}. Levels that not every image has been through have counts and no "
        "rates, since what is broken quickly is finished first. Every number below may still change."
    )
    return [section.notice("warning", "Unfinished", text)]


def _claims(view: View) -> list[Claim]:
    """The verdict on each attack with levels; of a run without any, what attacks by name came to."""
    if view.failures and not (view.constraints or view.attempts):
        from pixelproof.report.failure import failure_claim

        return [failure_claim(row) for row in view.failures]
    if view.constraints:
        return [_claim(view.statuses_of(attack)) for attack in view.constraints]
    if not view.attempts:
        return [Claim("Nothing is known yet", "No attack has finished on any image.", "open")]
    rate = view.attempts[-1].fooled
    style = "bad" if rate.successes else "open"
    return [Claim(f"{rate.ratio} images broken by {_who(view.attempts[-1])}", summary(view)[0], style)]


def _claim(levels: Sequence[LevelStatus]) -> Claim:
    """How far images are proved or held, or that the lowest level is broken or undecided."""
    name, tested = attack_name(levels[0].constraint), listed([str(level.threshold) for level in levels])
    for verdicts, style in ((("proved",), "good"), (("proved", "held"), "")):
        if (found := highest(levels, *verdicts)) is not None:
            return _said(f"{name}: {verdicts[-1]} to th = {found.threshold}", found, tested, style)
    word, style = ("broken", "bad") if verdict(levels[0]).startswith("broken") else ("undecided", "open")
    return _said(f"{name}: {word} at th = {levels[0].threshold}", levels[0], tested, style)


def _said(text: str, level: LevelStatus, tested: str, style: str) -> Claim:
    return Claim(text, f"{named(level)} {sentence(level)}. Levels tested: {tested}.", style)


def _tiles(view: View) -> list[Tile]:
    model = view.manifest.model
    clean = Rate(model.right, model.checked)
    tiles = [Tile(percent(clean.value), "clean accuracy", f"{clean.ratio} images, {clean.interval}")]
    for outcomes in view.outcomes:
        threshold = outcomes.thresholds[0]
        label = f"fooled by {allowance(outcomes.attack, threshold)}"
        tiles.append(_attacked_tile(label, outcomes.rate(threshold)))
    last = view.attempts[-1:]  # the one attack by name, or the worst case over several
    tiles += [_attacked_tile(f"fooled by {_who(row)}", row.fooled) for row in last]
    if view.failures:
        from pixelproof.report.failure import failure_tile

        tiles += [failure_tile(row) for row in view.failures]
    return tiles


def _who(row: AttemptRow) -> str:
    return "any attack by name" if row.attack == WORST else row.attack


def _attacked_tile(label: str, rate: Rate) -> Tile:
    return Tile(percent(rate.value), label, f"{rate.ratio} attacked, {rate.interval}")


# Sections of results; None where the run has none of their kind.


def _status(view: View, figures: list[Figure]) -> Section | None:
    """The answer to the question: what is broken, proved and open at each level, and image by image."""
    if not view.statuses:
        return None
    return Section("status", "Broken, proved, open", [section.figures(figures), status_table(view).html()])


def _images(view: View) -> Section | None:
    """Every image and what is known of it."""
    table = image_table(view)
    return Section("images", table.title, [section.rows(table)]) if table.rows else None


def _minimal(view: View) -> Section | None:
    if not (view.minimal and view.minimal_thresholds):
        return None
    return Section("minimal", "Minimal thresholds", [tables.minimal_table(view).html()])


def _levels(view: View) -> Section | None:
    found = [tables.level_table(view, attack) for attack in view.attacks]
    shown = [table.html() for table in found if table.rows]
    return Section("levels", "Robustness levels", shown) if shown else None


def _knowledge(view: View) -> Section | None:
    table = tables.knowledge_table(view)
    return Section("knowledge", table.title, [table.html()]) if table.rows else None


def _attempts(view: View) -> Section | None:
    table = tables.attempt_table(view)
    if not table.rows:
        return None
    access = tables.ACCESS_NOTES[view.access] if view.manifest.spec.get("defence") and view.named else ""
    return Section("attacks", table.title, [section.prose(access), table.html()])


def _failures(view: View) -> Section | None:
    if not view.failures:
        return None
    from pixelproof.report.failure import failure_section

    return failure_section(view)


def _drawn(view: View) -> tuple[list[Figure], list[Figure], list[Figure]]:
    """The two-sided curves, the curves of what was found and what it cost, and the maps of classes."""
    # Imported here, because Altair takes half a second that terminal tables need not wait for.
    from pixelproof.report.assess_figures import curve_figures
    from pixelproof.report.heat_map import class_figures
    from pixelproof.report.status_figures import status_figures

    return status_figures(view), curve_figures(view), class_figures(view)


_PARTS = {  # colour: name, field
    "few": ("Few-pixel (L0) only", "few_pixel_only"),
    "both": ("both", "both"),
    "threshold": ("Threshold (L∞) only", "threshold_only"),
    "neither": ("neither", "neither"),
}


def _duality(view: View) -> Section | None:
    """Bars of four stretches: the images that one attack only fooled, both, neither."""
    bars = []
    for row in duality_rows(view.complete):
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
    numbers = section.folded(f"{classes.title}: {plural(len(classes.rows), 'class', 'classes')}", section.rows(classes))
    return Section("classes", "Classes", [section.figures(maps), *shown, numbers])


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


def _gallery(view: View, run: RunStore) -> Section | None:
    if view.failures and not (view.constraints or view.attempts):
        return None
    levels = gallery(view, run)
    if not levels:
        nothing = f"No image was fooled{'' if view.finished else ' yet'}, so there is nothing to show."
        return Section("gallery", "Gallery", [section.prose(nothing)])
    few = section.still(section.words("assess_gallery"), section.part("examples", levels))
    return Section("gallery", "Gallery", [all_broken(view, run), few])


# Sections on how to read, repeat and verify it.


def _reading(view: View) -> Section:
    shown = (
        section.words("assess_reading", view, _meanings(view)),
        section.subheading("Sources"),
        section.words("assess_sources"),
    )
    return Section("reading", "How to read this report", shown, folded=True)


def _meanings(view: View) -> list[tuple[str, str]]:
    rates: tuple[Word, ...] = ("attack success rate", "robust accuracy", "interval")
    if not view.statuses:
        return words(*rates)
    found: list[Word] = ["broken", "proved", "open", "held", "undecided"]
    found += ["gave up"] if any(level.gave_up for level in view.statuses) else []
    found += [] if view.finished else ["not finished"]
    papers: list[Word] = ["th-pixel-safe"] if any(level.as_in_the_papers for level in view.statuses) else []
    return words(*found, *rates, "basis", *papers)


def _details(view: View) -> Section:
    found = (
        tables.subject_table(view),
        *tables.setting_tables(view),
        tables.environment_table(view),
        tables.timing_table(view),
    )
    shown = section.part("side_by_side", [table.html() for table in found if table.rows], "details")
    return Section("details", "Settings and environment", [shown], folded=True)


def _verify(view: View) -> Section:
    command = verify_command(view.folder or "RUN", view.manifest)
    how = section.words("assess_verify", view.folder, command, view.manifest.identity)
    return Section("verify", "How to verify", [how], folded=True)


# In short, for a terminal and a notebook.


def terminal_tables(run: RunStore, view: View | None = None) -> list[RichTable]:
    """A table for each attack of ``run``, its verdicts below it; then those of minimal thresholds and by name."""
    wrapped = {"levels": "verdict", "knowledge": "By", "attempts": "attack", "failures": "distribution"}
    return [terminal_table(table, wrapped.get(table.name, "")) for table in _short_tables(view or read(run))]


def _short_tables(view: View) -> list[Table]:
    """All that there is to say, in tables that are narrow enough for a terminal and for a notebook's output cell."""
    found = [_short_levels(view, attack) for attack in view.attacks]
    if view.minimal and view.minimal_thresholds:
        found.append(_short_minimal(view))
    found += [tables.knowledge_table(view)] if view.knowledge else []
    found += [_short_attempts(view)] if view.attempts else []
    if view.failures:
        from pixelproof.report.failure import short_failures

        found.append(short_failures(view))
    return found


def _short_levels(view: View, attack: str) -> Table:
    levels, rows = view.statuses_of(attack), [row for row in view.levels if row.attack == attack]
    searches = listed(list(dict.fromkeys(search_name(each.method) for level in levels for each in level.searches)))
    title = f"{attack_name(attack)} by {searches}{', targeted' if view.targeted else ''}"
    columns = (
        Column("th", "integer"),
        Column("broken", "ratio"),
        Column("proved", "integer"),
        Column("open", "integer"),
        Column("share", "share"),
        Column("95 %", "interval"),
        Column("robust", "share"),
        Column("queries", "integer"),
        Column("verdict", "status"),
    )
    cells = tuple(_short_level(level, [r for r in rows if r.threshold == level.threshold]) for level in levels)
    pending = " (unfinished)" if any(level.pending for level in levels) else ""
    return Table("levels", title + pending, columns, cells, tuple(status_notes(view, attack)))


def _short_level(level: LevelStatus, rows: Sequence[LevelRow]) -> tuple[Cell, ...]:
    broken, row = level.broken, rows[0] if rows else None
    interval = None if broken.value is None else broken.interval
    costs = (None, None) if row is None or row.pending else (row.robust.value, row.mean_queries)
    return level.threshold, broken, level.proved, level.open, broken.value, interval, *costs, verdict(level)


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
    """A heading line, findings and the tables of the terminal, for a notebook's output cell."""
    view, m = read(run), run.manifest
    heading = f"{m.model.name} on {m.data.name}, run {m.identity[:12]}{'' if view.finished else ', unfinished'}"
    findings = [Markup("<b>{}</b> {}: {}").format(f.severity, f.name, f.message) for f in m.findings]
    return fragment(heading, findings, _short_tables(view))
