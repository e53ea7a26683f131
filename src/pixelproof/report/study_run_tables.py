"""The tables of a study about its runs and its demonstration; those of its results are in ``study_tables``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain

from pixelproof.data.imageset import UInt8Array
from pixelproof.plans.study.false_adversarial import channel_sum_l2
from pixelproof.plans.study.view import Demonstration, StudyRun
from pixelproof.report.study_tables import ROLE_NAMES, SHORT_NORMS
from pixelproof.report.table import Cell, Column, Table
from pixelproof.report.tables import flat
from pixelproof.results import study
from pixelproof.results.study import Assessed
from pixelproof.runs.distances import pixel_distances
from pixelproof.wording import count, plural

_DIGITS = 16


def l2_table(runs: Sequence[Assessed]) -> Table:
    """Networks × levels: how far the adversarial images lie from the clean ones by the Euclidean norm."""
    levels = study.main_table(runs).levels
    columns = [Column("Network")]
    columns += [Column(f"th {th}", "decimal", SHORT_NORMS[attack], f"{attack}_{th}") for attack, th in levels]
    rows = []
    for label, run in study.one_each(runs).items():
        means = {(row.attack, row.threshold): row.mean_l2 for row in run.level_rows}
        rows.append((label, *map(means.get, levels)))
    note = (
        "The Euclidean distance over all channel values in the papers' units, 0 to 255, averaged over the samples "
        "fooled; the table of every rate has it for each search. The largest change of one pixel is √3 · 255 = 441.7."
    )
    return Table("study-l2", "Mean L2 of the adversarial samples (0–255)", tuple(columns), tuple(rows), (note,))


def run_table(runs: Iterable[StudyRun]) -> Table:
    """A row for each run: what it took, and its identity."""
    columns = (
        Column("Network"),
        Column("Run by"),
        Column("Samples", "integer"),
        Column("Considered", "integer"),
        Column("Queries allowed", "integer", key="max_queries"),
        Column("Queries", "integer"),
        Column("Seconds", "integer"),
        Column("Status"),
        Column("Identity"),
    )
    rows = []
    for run in runs:
        manifest, chosen = run.manifest, run.manifest.selection
        allowed = max((plan.max_queries for plan in run.assessed.plans), default=None)
        spent = [manifest.timings.get(key) for key in ("queries", "seconds")]
        cells: tuple[Cell, ...] = (run.assessed.label, ROLE_NAMES[run.assessed.role], len(chosen.samples))
        rows.append((*cells, chosen.considered, allowed, *spent, manifest.status, manifest.identity[:_DIGITS]))
    note = (
        "Queries allowed: for one sample at one level, for one sample in all where minimal thresholds were sought. "
        f"Identity: its first {_DIGITS} digits."
    )
    return Table("study-runs", "Runs", columns, tuple(rows), (note,))


def setting_table(runs: Sequence[StudyRun]) -> Table:
    """What the runs have in common; where they differ, every value."""
    found: dict[str, dict[str, None]] = {}
    for name, value in chain.from_iterable(map(_settings, runs)):
        found.setdefault(name, {})[value] = None
    columns = (Column("Name", key="name"), Column("Value", key="value"))
    return Table(
        "study-settings",
        "Settings and environment",
        columns,
        tuple((name, "; ".join(values)) for name, values in found.items()),
    )


def false_table(shown: Demonstration) -> Table:
    """The pictures of the demonstration by their distances from the clean image."""
    columns = (
        Column("Image"),
        Column("L0", "integer", "Distance from the original", "l0"),
        Column("L∞", "integer", "Distance from the original", "linf"),
        Column("L2", "decimal", "Distance from the original", "l2"),
        Column("L2, channels summed", "decimal", "Distance from the original", "l2_channels_summed"),
        Column("Contrast left", "share", key="contrast_left"),
    )
    false = [
        (name, *_distances(each.image, shown.clean), each.contrast)
        for name, each in zip(false_names(shown), shown.false, strict=True)
    ]
    found = [
        (name, *_distances(each.image, shown.clean), None)
        for name, each in zip(found_names(shown), shown.found, strict=True)
    ]
    notes = (
        "L2 is Euclidean over all channel values, 0 to 255. Channels summed: a pixel counts with the sum of its "
        "channels' changes, as where the papers give 765 for the largest change of one pixel; an image within 441.7 "
        "by the Euclidean norm is within 765 by that one. Contrast left: how far the image still is from one colour, "
        "of how far the original was.",
    )
    return Table(
        "study-false-adversarial", "False and true adversarial images of one budget", columns, (*false, *found), notes
    )


def answer_table(shown: Demonstration) -> Table:
    """What each network answers to the pictures of the demonstration."""
    columns = ("Network", "Original", *false_names(shown), *found_names(shown))
    names = shown.class_names
    rows = tuple((label, *(names[k] for k in said)) for label, said in shown.answers.items())
    note = f"The right answer is {names[shown.label]}."
    return Table(
        "study-false-adversarial-answers", "What the networks answer", tuple(map(Column, columns)), rows, (note,)
    )


def false_names(shown: Demonstration) -> list[str]:
    """Of the false images, by their budgets."""
    return [f"No limit but L2 ≤ {decimal_or_whole(each.budget)}" for each in shown.false]


def found_names(shown: Demonstration) -> list[str]:
    """Of the true ones, by what they changed."""
    names = []
    for each in shown.found:
        norm, record = SHORT_NORMS[each.record.attack], each.record
        names.append(f"{norm}: " + (plural(record.l0 or 0, "pixel") if norm == "L0" else f"±{record.linf} of 255"))
    return names


def decimal_or_whole(number: float) -> str:
    """``765``, ``441.7``."""
    return count(round(number)) if number == round(number) else f"{number:,.1f}"


def _distances(image: UInt8Array, clean: UInt8Array) -> tuple[Cell, ...]:
    by = pixel_distances(image, clean)
    return by["l0"], by["linf"], by["l2"], channel_sum_l2(image, clean)


def _settings(run: StudyRun) -> list[tuple[str, str]]:
    manifest = run.manifest
    height, width, channels = manifest.data.shape
    wanted = ("nested", "target", "fitness", "seed", "precision", "batch_size", "shuffle")
    named = {
        "Data": f"{manifest.data.name}: {plural(manifest.data.images, 'image')} of {height} × {width} × {channels}",
        "Data SHA-256": manifest.data.sha256,
        "Samples": str(manifest.settings.get("samples")),
        "Preset": str(manifest.spec.get("preset")),
        **flat({key: manifest.settings.get(key) for key in wanted}),
        **flat(manifest.environment),
    }
    return [(f"{name[:1].upper()}{name[1:]}".replace("_", " "), value) for name, value in named.items()]
