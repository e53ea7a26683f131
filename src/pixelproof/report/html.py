"""The report: one self-contained HTML file that needs neither script nor network."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from pixelproof.files import write_whole
from pixelproof.report import tables
from pixelproof.report.attempt_tables import WAYS, attempt_table
from pixelproof.report.figures import class_figures, curve_figures
from pixelproof.report.gallery import gallery
from pixelproof.report.page import drawn, style, template
from pixelproof.report.perturb_summary import perturb_summary
from pixelproof.report.perturb_tables import standing_table
from pixelproof.report.summary import summary
from pixelproof.report.table import Table
from pixelproof.results.attempts import WORST, AttemptRow
from pixelproof.results.duality import duality_rows
from pixelproof.results.intervals import Rate
from pixelproof.results.levels import highest_safe_level
from pixelproof.results.perturb_view import read_perturbations
from pixelproof.results.view import View, read
from pixelproof.runs.store import FILE, RunStore
from pixelproof.wording import allowance, attack_name, count, percent, plural, safe_name

#: The folder in that of a run where its perturbations lie.
_PERTURBATIONS = "perturbations"
_FREQUENT = 5  # changes of class listed for each attack


@dataclass(frozen=True)
class Tile:
    """One number at the head of the page."""

    value: str
    label: str
    detail: str


@dataclass(frozen=True)
class Part:
    """A stretch of the duality bar."""

    key: str
    name: str
    images: int
    share: float  # in percent


@dataclass(frozen=True)
class Bar:
    """One line of the duality bars."""

    threshold: int
    total: int
    parts: tuple[Part, ...]


def write_report(run: RunStore, path: Path) -> Path:
    """Write the report of ``run``, finished or not, to ``path`` and return it."""
    return write_whole(path, render(run))


def render(run: RunStore) -> str:
    """The report as HTML; equal for equal runs."""
    view = read(run)
    return template("report.html.j2").render(
        view=view,
        manifest=view.manifest,
        state=_state(view),
        facts=_facts(view),
        tiles=_tiles(view),
        summary=summary(view),
        findings=tables.finding_table(view).rows,
        minimal=tables.minimal_table(view) if view.minimal and view.records else None,
        levels=[tables.level_table(view, attack) for attack in view.attacks],
        attempts=attempt_table(view),
        way=WAYS[view.way] if view.manifest.spec.get("defence") and view.named else "",
        figures=drawn(curve_figures(view)),
        bars=_bars(view),
        duality=tables.duality_table(view),
        maps=drawn(class_figures(view)),
        classes=tables.class_table(view),
        changes=tables.change_table(view, _FREQUENT),
        gallery=gallery(view, run),
        perturbations=_perturbations(run),
        perturb_folder=_PERTURBATIONS,
        details=_details(view),
        verify=f"pixelproof verify {shlex.quote(view.folder or 'RUN')}{_trust(view)}",
        style=style(),
    )


def _perturbations(run: RunStore) -> tuple[list[str], Table] | None:
    """Sentences and a table on what was measured beside the attacks, where it was."""
    folder = None if run.folder is None else run.folder / _PERTURBATIONS
    if folder is None or not (folder / FILE).exists():
        return None
    view = read_perturbations(folder)
    return perturb_summary(view), standing_table(view)


def _trust(view: View) -> str:
    return " --trust-code" if view.manifest.spec.get("trust_code") else ""


def _state(view: View) -> str:
    """What is missing, of a run that is not finished; empty otherwise."""
    if view.finished:
        return ""
    chosen, records = len(view.manifest.selection.samples), len(view.records) + len(view.named)
    return (
        f"This run is not finished: {plural(records, 'record')} so far, from {count(view.started)} "
        f"of {plural(chosen, 'selected image')}. Images that fall quickly are finished first, so the rates "
        "of an unfinished run read too high. Every number below may still change."
    )


def _facts(view: View) -> list[str]:
    """The run's size, for the line under the title."""
    chosen, named = view.manifest.selection, len({r.spec for r in view.named})
    samples = count(len(chosen.samples))
    attacked = samples if view.started == len(chosen.samples) else f"{count(view.started)} of {samples}"
    return [
        f"{attacked} images attacked, {count(chosen.considered)} considered",
        f"{plural(len(view.attacks) + named, 'attack')}, {plural(len(view.records) + len(view.named), 'record')}",
    ]


def _tiles(view: View) -> list[Tile]:
    model = view.manifest.model
    clean = Rate(model.right, model.checked)
    tiles = [Tile(percent(clean.value), "clean accuracy", f"{clean.ratio} images, {clean.interval}")]
    for outcomes in view.outcomes:
        threshold = outcomes.thresholds[0]
        rate = outcomes.rate(threshold)
        label = f"fooled by {allowance(outcomes.attack, threshold)}"
        tiles.append(Tile(percent(rate.value), label, f"{rate.ratio} attacked, {rate.interval}"))
    tiles += [_safe_tile(view, attack) for attack in view.attacks]
    return [*tiles, *(_attempt_tile(row) for row in view.attempts[-1:])]


def _attempt_tile(row: AttemptRow) -> Tile:
    """The one attack by name, or the worst case over several."""
    label = "fooled by any attack by name" if row.attack == WORST else f"fooled by {row.attack}"
    return Tile(percent(row.fooled.value), label, f"{row.fooled.ratio} attacked, {row.fooled.interval}")


def _safe_tile(view: View, attack: str) -> Tile:
    rows = [row for row in view.levels if row.attack == attack]
    highest = highest_safe_level(rows)
    tested = f"levels tested: {', '.join(str(th) for th in sorted({row.threshold for row in rows}))}"
    if highest is not None:
        return Tile(safe_name(attack, highest), attack_name(attack), tested)
    undecided = any(row.verdict == "undecided" for row in rows)
    return Tile("undecided" if undecided else "none safe", attack_name(attack), tested)


def _bars(view: View) -> list[Bar]:
    names = {
        "few": ("Few-pixel (L0) only", "few_pixel_only"),
        "both": ("both", "both"),
        "threshold": ("Threshold (L∞) only", "threshold_only"),
        "neither": ("neither", "neither"),
    }
    bars = []
    for row in duality_rows(view.at_levels):
        parts = [
            Part(key, name, getattr(row, field), round(100 * getattr(row, field) / row.total, 3))
            for key, (name, field) in names.items()
        ]
        bars.append(Bar(row.threshold, row.total, tuple(parts)))
    return bars


def _details(view: View) -> list[Table]:
    found = (
        tables.subject_table(view),
        *tables.setting_tables(view),
        tables.environment_table(view),
        tables.timing_table(view),
    )
    return [table for table in found if table.rows]
