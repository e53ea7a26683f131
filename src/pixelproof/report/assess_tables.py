"""The tables of one run: levels, minimal thresholds, attacks by name, classes, settings."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pixelproof.report.status_tables import image_table, status_table
from pixelproof.report.table import Cell, Column, Table, flat, pair_table, rate_cells, rate_columns
from pixelproof.results.attempts import WORST, AttemptRow
from pixelproof.results.confusion import class_changes
from pixelproof.results.duality import duality_rows
from pixelproof.results.intervals import Rate
from pixelproof.results.knowledge import Knowledge, KnowledgeLevel, misled, optimality
from pixelproof.results.levels import LevelRow
from pixelproof.results.minimal import MinimalThresholds
from pixelproof.results.status import of_level
from pixelproof.results.verdict import verdict
from pixelproof.results.view import View
from pixelproof.runs.record import Constraint, Finding
from pixelproof.wording import allowance, attack_name, count, listed, plural

_SUCCESS, _ROBUST = "Attack success rate", "Robust accuracy"
_QUERIES, _CHANGE = "Queries per image", "Mean change where fooled"
_LEVEL_COLUMNS = (
    Column("th", "integer", key="threshold"),
    Column("Search", "search"),
    *rate_columns(_SUCCESS, "fooled", "attack_success_rate"),
    *rate_columns(_ROBUST, "right", "robust_accuracy"),
    Column("mean", "integer", _QUERIES, "mean_queries"),
    Column("median, fooled", "integer", _QUERIES, "median_queries_fooled"),
    Column("Gave up", "integer", key="gave_up"),
    Column("L0", "decimal", _CHANGE, "mean_l0"),
    Column("L1", "decimal", _CHANGE, "mean_l1"),
    Column("L2", "decimal", _CHANGE, "mean_l2"),
    Column("L∞", "decimal", _CHANGE, "mean_linf"),
    Column("Verdict", "status", key="verdict"),
)
_SEES = {
    "labels": "labels",
    "scores": "scores",
    "surrogate": "scores with a surrogate",
    "gradients": "gradients",
}
_LEFT, _FOOLS, _AREA = "Not yet fooled", "Smallest th that fools", "Area (percent × th)"
_MINIMAL_COLUMNS = (
    Column("Attack", "attack"),
    Column("Images", "integer", key="samples"),
    Column("Not fooled", "integer", key="never_fooled"),
    Column("25 %", "integer", _FOOLS, "quartile_1"),
    Column("50 %", "integer", _FOOLS, "median"),
    Column("75 %", "integer", _FOOLS, "quartile_3"),
    Column("Mean", "decimal", key="mean"),
    Column("from zero", "decimal", _AREA, "area_from_zero"),
    Column("as published", "decimal", _AREA, "area_as_published"),
    Column("Mean queries", "integer", key="mean_queries"),
)
_COST = "Mean cost of an image"
_ATTEMPT_COLUMNS = (
    Column("Attack"),
    *rate_columns(_SUCCESS, "fooled", "attack_success_rate"),
    *rate_columns(_ROBUST, "right", "robust_accuracy")[1:],
    Column("L0", "decimal", _CHANGE, "mean_l0"),
    Column("L2", "decimal", _CHANGE, "mean_l2"),
    Column("L∞", "decimal", _CHANGE, "mean_linf"),
    Column("queries", "integer", _COST, "mean_queries"),
    Column("gradient steps", "integer", _COST, "mean_gradient_steps"),
    Column("seconds", "decimal", _COST, "seconds"),
)
_NAMED = 10  # images not fooled, named one by one

#: How attacks by name meet a defence, in a sentence.
ACCESS_NOTES = {
    "end-to-end": "The attacks saw the model behind its defence as it answers.",
    "replayed": "The attacks saw the model without its defence; their images were then shown to the defended one.",
    "adaptive": "The attacks knew the defence: what has no gradient was passed over backwards (BPDA), what is random "
    "was averaged over draws (EOT).",
}


def level_table(view: View, attack: str | None = None) -> Table:
    """A row for each level, of one attack or (with a column that names it) of all."""
    rows = [row for row in view.levels if attack in (None, row.attack)]
    cells = tuple(_level_cells(view, row) for row in rows)
    notes = tuple(_level_notes(view, rows))
    if attack is not None:
        return Table(f"levels-{attack}", attack_name(attack), _LEVEL_COLUMNS, cells, notes)
    named = tuple((row.attack, *row_cells) for row, row_cells in zip(rows, cells, strict=True))
    return Table("levels", "Robustness levels", (Column("Attack", "attack"), *_LEVEL_COLUMNS), named, notes)


def minimal_table(view: View) -> Table:
    """A row for each attack: how far its samples could be changed before they were fooled."""
    rows = tuple(
        (m.attack, m.samples, len(m.never), *m.quartiles, m.mean, m.area, m.published_area, m.mean_queries)
        for m in view.minimal_thresholds
    )
    return Table("minimal-thresholds", "Minimal thresholds", _MINIMAL_COLUMNS, rows, tuple(_minimal_notes(view)))


def curve_table(view: View) -> Table:
    """The corners of the curve of each attack; between two of them it is level."""
    columns = (
        Column("Attack", "attack"),
        Column("th", "integer", key="threshold"),
        *rate_columns(_LEFT, "images", "share_not_yet_fooled", "not_yet_fooled"),
    )
    points = [(m.attack, th, m.left(th)) for m in view.minimal_thresholds for th in m.corners]
    rows = tuple((attack, th, *rate_cells(left)) for attack, th, left in points)
    notes = ("Between two rows of an attack, the share is that of the upper one.",)
    return Table("minimal-thresholds-curve", "Images not yet fooled, by threshold", columns, rows, notes)


def attempt_table(view: View) -> Table:
    """A row for each attack by name, and their worst case; no rows where there is none."""
    rows = view.attempts
    cells, notes = tuple(map(_attempt_cells, rows)), tuple(_attempt_notes(view)) if rows else ()
    return Table("attacks", "Attacks by name", _ATTEMPT_COLUMNS, cells, notes)


def knowledge_table(view: View) -> Table:
    """A row for each constraint and kind of knowledge, a column for each level; no rows where one kind was tried."""
    thresholds = sorted({row.threshold for row in view.knowledge})
    cells = defaultdict[tuple[Constraint, Knowledge], dict[int, KnowledgeLevel]](dict)
    for row in view.knowledge:
        cells[row.constraint, row.knowledge][row.threshold] = row
    rows, reached = [], optimality(view.knowledge)
    for (constraint, knowledge), levels in cells.items():
        methods = dict.fromkeys(method for level in levels.values() for method in level.methods)
        shares = (levels[th].rate if th in levels else None for th in thresholds)
        rows.append((constraint, _SEES[knowledge], *shares, reached.get((constraint, knowledge)), ", ".join(methods)))
    columns = (
        Column("Attack", "attack"),
        Column("Attacker sees"),
        *(Column(f"th {th}", "ratio", "Images broken", f"th_{th}") for th in thresholds),
        Column("Of the best known", "share", key="optimality"),
        Column("By"),
    )
    notes = (
        "Labels: the class alone; scores: those of all classes; gradients: the model itself. Who sees more can do what "
        "those do who see less.",
        "Of the best known: the area above the curve of images left against th, as a share of that of all attackers "
        "together (optimality, after Cinà et al., AttackBench, 2024).",
        *_surrogate_notes(view),
        *(_misled_note(*each) for each in misled(view.knowledge)),
    )
    return Table("knowledge", "Levels by what the attacker sees", columns, tuple(rows), notes if rows else ())


def _surrogate_notes(view: View) -> Iterator[str]:
    """What the networks were that resemble the model, where some were asked."""
    if names := view.manifest.spec.get("surrogate"):
        yield f"A surrogate is a network like the model, of which its attacker sees everything; here {listed(names)}."


def _misled_note(less: KnowledgeLevel, more: KnowledgeLevel, ahead: int) -> str:
    by_less, by_more = _SEES[less.knowledge], _SEES[more.knowledge]
    return (
        f"{attack_name(less.constraint)}, th = {less.threshold}: {by_less} broke {plural(ahead, 'image')} that "
        f"{by_more} did not, so the attacks by {by_more} were misled or too weak."
    )


def class_table(view: View) -> Table:
    """A row for each class with an attacked sample, a column for each attack × threshold."""
    levels = [(o.attack, th) for o in view.outcomes for th in o.thresholds]
    columns = [Column(f"th {th}", "ratio", attack_name(attack), f"{attack}_{th}") for attack, th in levels]
    cells: dict[int, dict[tuple[str, int], Rate]] = defaultdict(dict)
    for row in view.classes:
        cells[row.label][row.attack, row.threshold] = row.fooled
    rows = tuple((view.class_name(k), *(cells[k].get(level) for level in levels)) for k in sorted(cells))
    named, seen = len(view.manifest.data.class_names), len(rows)
    notes = ["Cells: images fooled of images attacked, by any search."]
    if seen < named:
        notes.append(f"{count(named - seen)} of {plural(named, 'class', 'classes')} had no image to attack.")
    return Table("classes", "Fooled by true class", (Column("Class"), *columns), rows, tuple(notes))


def duality_table(view: View) -> Table:
    """A row for each threshold that both norms were tried at; no rows when only one was."""
    parts = ("few_pixel_only", "threshold_only", "both", "neither")
    names = ("Few-pixel (L0) only", "Threshold (L∞) only", "both", "neither")
    columns: list[Column] = [Column("th", "integer", key="threshold"), Column("Images", "integer")]
    for name, key in zip(names, parts, strict=True):
        columns += [Column("images", "integer", name, key), Column("share", "share", name, f"{key}_share")]
    rows = []
    for row in duality_rows(view.complete):
        cells: list[Cell] = [row.threshold, row.total]
        for part in parts:
            cells += [getattr(row, part), getattr(row, part) / row.total]
        rows.append(tuple(cells))
    return Table("duality", "Which norm fools which images", tuple(columns), tuple(rows))


def change_table(view: View, most: int | None = None) -> Table:
    """Which class became which; the ``most`` frequent changes of each attack, or all."""
    changes, rows = class_changes(view.complete), []
    for attack in view.attacks:
        own = [c for c in changes if c.attack == attack]
        total = sum(c.samples for c in own)
        rows += [
            (attack, view.class_name(c.label), view.class_name(c.predicted), c.samples, c.samples / total)
            for c in own[:most]
        ]
    columns = (
        Column("Attack", "attack"),
        Column("True class"),
        Column("Answer when fooled"),
        Column("Images", "integer"),
        Column("Share of the fooled", "share"),
    )
    notes = ("Each image counts once an attack, at the lowest threshold that fooled it.",)
    return Table("changes", "Which class becomes which", columns, tuple(rows), notes)


def finding_table(view: View) -> Table:
    """What preflight and engine noticed, the gravest first."""
    found = by_gravity(view.manifest.findings)
    columns = (Column("Severity", "verdict"), Column("Finding"), Column("Message"))
    return Table("findings", "Findings", columns, tuple((f.severity, f.name, f.message) for f in found))


def by_gravity(findings: Sequence[Finding]) -> list[Finding]:
    order = {"error": 0, "warning": 1, "info": 2}
    return sorted(findings, key=lambda f: order[f.severity])


def setting_tables(view: View) -> list[Table]:
    """The settings as resolved, inner ones with dotted names; a list of mappings gets its own table."""
    settings = view.manifest.settings
    lists = {key: value for key, value in settings.items() if _is_list_of_mappings(value)}
    plain = {key: value for key, value in settings.items() if key not in lists}
    plain = {"attacks by name" if key == "attacks" else key: value for key, value in plain.items()}
    return [pair_table("settings", "Settings", flat(plain)), *(_listing(*item) for item in lists.items())]


def environment_table(view: View) -> Table:
    return pair_table("environment", "Environment", flat(view.manifest.environment))


def subject_table(view: View) -> Table:
    """What was assessed: model, data, selection and the run's identity."""
    m = view.manifest
    height, width, channels = m.data.shape
    return pair_table(
        "subject",
        "Model and data",
        {
            "Model": f"{m.model.name} ({m.model.kind})",
            "Model fingerprint": m.model.fingerprint,
            "Clean accuracy": str(Rate(m.model.right, m.model.checked)),
            "Data": f"{m.data.name}: {plural(m.data.images, 'image')} of {height} × {width} × {channels}, "
            f"{plural(len(m.data.class_names), 'class', 'classes')}",
            "Data SHA-256": m.data.sha256,
            "Selection": m.selection.rule,
            "Attacked": f"{count(len(m.selection.samples))} of {count(m.selection.considered)} considered",
            "Identity": m.identity,
            "Format version": str(m.format_version),
        },
    )


def timing_table(view: View) -> Table:
    columns = (Column("Measure"), Column("Value", "decimal"))
    rows = tuple((key.replace("_", " "), value) for key, value in view.manifest.timings.items())
    return Table("timings", "Timings, all sittings together", columns, rows)


def all_tables(view: View) -> list[Table]:
    """Every table with a row in it."""
    tables = (
        status_table(view),
        *_failure_tables(view),
        *((minimal_table(view), curve_table(view)) if view.minimal else ()),
        level_table(view),
        knowledge_table(view),
        attempt_table(view),
        class_table(view),
        duality_table(view),
        change_table(view),
        finding_table(view),
        subject_table(view),
        *setting_tables(view),
        environment_table(view),
        timing_table(view),
        image_table(view),
    )
    return [table for table in tables if table.rows]


def _failure_tables(view: View) -> list[Table]:
    if not view.failures:
        return []
    from pixelproof.report.failure import failure_table  # with torch and Altair, which most runs need not wait for

    return [failure_table(view)]


def _is_list_of_mappings(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(v, Mapping) for v in value)


def _listing(key: str, items: Sequence[Mapping[str, Any]]) -> Table:
    """A list of mappings as a table with a column for each name that occurs."""
    flats = [flat(item) for item in items]
    names = list(dict.fromkeys(name for item in flats for name in item))
    rows = tuple(tuple(item.get(name) for name in names) for item in flats)
    columns = tuple(Column(name.replace("_", " "), key=name) for name in names)
    return Table(f"settings-{_slug(key)}", f"Settings: {key.replace('_', ' ')}", columns, rows)


def _slug(text: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in text.lower())


def _level_cells(view: View, row: LevelRow) -> tuple[Cell, ...]:
    """Means wait, as rates do, until all images have been through the level."""
    level = of_level(view.statuses, row.attack, row.threshold)
    means = row.mean_queries, row.median_queries, row.gave_up, row.mean_l0, row.mean_l1, row.mean_l2, row.mean_linf
    return (
        row.threshold,
        row.search,
        *rate_cells(row.fooled),
        *rate_cells(row.robust),
        *((None, None, row.gave_up, *(None,) * 4) if row.pending else means),
        None if level is None else verdict(level),
    )


def _attempt_cells(row: AttemptRow) -> tuple[Cell, ...]:
    distances = row.mean_l0, row.mean_l2, row.mean_linf
    costs = row.mean_queries, row.mean_gradient_steps, row.seconds
    return row.key, *rate_cells(row.fooled), *rate_cells(row.robust)[1:], *distances, *costs


def _attempt_notes(view: View) -> list[str]:
    notes = ["L0 counts pixels; L2 and L∞ are over all channel values in grey levels (0–255), of 8-bit images."]
    if any(row.attack == WORST for row in view.attempts):
        notes.append("Worst case: a sample counts as fooled when any of these attacks fooled it.")
    if view.access != "end-to-end":
        notes.append(ACCESS_NOTES[view.access])
    if (pending := max((row.pending for row in view.attempts), default=0)) > 0:
        notes.append(f"Unfinished: up to {plural(pending, 'sample')} of an attack have no record yet.")
    return notes


def _level_notes(view: View, rows: list[LevelRow]) -> list[str]:
    notes = []
    inherited = sum(row.inherited for row in rows)
    if view.minimal:
        notes.append(
            "Derived from the minimal thresholds: an image is fooled at every level from its own on. "
            "One search served all levels; the queries are those of the whole search."
        )
    if inherited:
        notes.append("An image that fools at a threshold counts at every larger one; it lies within that too.")
    if view.nested is False and not view.minimal:
        notes.append(
            "Each level was searched alone, and its success rate counts what was found there. Robust accuracy, the "
            "figures and the verdicts also count an image found at a lower threshold."
        )
    if view.targeted:
        notes.append("Targeted: fooled means that the answer became the class aimed at.")
    return notes


def _minimal_notes(view: View) -> list[str]:
    notes = [
        "The minimal threshold of an image is the smallest change found that fools it: the pixels changed, or the "
        "largest step of 255. It is an upper bound, as a longer search may find less.",
        "The area from zero is that under the curve of images not yet fooled, 100 × the mean. The published area "
        "(Vargas & Kotyan 2019, table VI) is the trapezoid over the points (percent fooled up to th, th) of the "
        "distinct minimal thresholds th, from the first point to the last.",
    ]
    if any(m.never for m in view.minimal_thresholds):
        notes.append(
            "Images not fooled count as ∞ in the quartiles, at the largest threshold in mean and area from zero, "
            "and not at all in the published area."
        )
    return notes + [not_fooled(m) for m in view.minimal_thresholds if m.never]


def not_fooled(minimal: MinimalThresholds, noun: str = "image") -> str:
    """The sentence that names the first of the samples, called ``noun``, that one attack did not fool."""
    named = [str(sample) for sample in minimal.never[:_NAMED]]
    if more := len(minimal.never) - len(named):
        named.append(f"{count(more)} more")
    who = noun if len(minimal.never) == 1 else f"{noun}s"
    within = allowance(minimal.attack, minimal.largest)
    return f"{attack_name(minimal.attack)}: not fooled within {within}: {who} {listed(named)}."
