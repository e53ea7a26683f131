"""The tables on perturbations."""

from pixelproof.report.table import Bold, Cell, Column, Table, rate_cells, rate_columns
from pixelproof.results.perturb_view import DISTANCE_TITLES, PerturbView, title_of
from pixelproof.wording import between, minus, plural

_UNITS = (
    "L1, L2 and L∞: mean distances to the clean image over all channel values, in grey levels (0–255). SSIM: "
    "structural similarity, 1 for the same image."
)


def all_perturb_tables(view: PerturbView) -> list[Table]:
    """Every table with a row in it."""
    tables = (
        summary_table(view),
        standing_table(view),
        error_table(view),
        least_table(view),
        correlation_table(view),
        cell_table(view),
    )
    return [table for table in tables if table.rows]


def summary_table(view: PerturbView) -> Table:
    """Clean, perturbed, difference."""
    columns = (
        Column("Data"),
        Column("right", "ratio", "Clean accuracy", "right"),
        Column("share", "share", "Clean accuracy", "clean_accuracy"),
        Column("Perturbed", "share", key="perturbed_accuracy"),
        Column("Points lost", "points", key="difference"),
    )
    clean, perturbed, worst = view.clean.value, view.perturbed, view.worst_case
    difference = None if clean is None or perturbed is None else clean - perturbed
    row: tuple[Cell, ...] = (view.manifest.data.name, view.clean, clean, perturbed, difference)
    note = "Perturbed: the mean over perturbations of their mean over strengths."
    if worst is None:
        return Table("perturb-summary", "Clean and perturbed", columns, (row,), (note,))
    more = (
        Column("of", "integer", "Spatial worst case", "candidates"),
        Column("accuracy", "share", "Spatial worst case", "worst_case_accuracy"),
    )
    row += (worst.candidates, worst.right(view.labels).value)
    notes = (
        note,
        "Spatial worst case: a sample counts as right when none of so many random turns, shifts and changes of light "
        "makes it wrong.",
    )
    return Table("perturb-summary", "Clean and perturbed", (*columns, *more), (row,), notes)


def standing_table(view: PerturbView) -> Table:
    """A row a perturbation, the strongest first."""
    columns = (
        Column("Perturbation"),
        Column("Strengths", "integer"),
        Column("mean", "share", "Accuracy", "accuracy"),
        Column("points lost", "points", "Accuracy", "difference"),
        Column("at", "text", "Worst", "worst_strength"),
        Column("accuracy", "share", "Worst", "worst_accuracy"),
        Column("95 %", "interval", "Worst", "worst_accuracy"),
        Column("ms an image", "decimal", key="milliseconds"),
    )
    rows = []
    for row in view.standings:
        worst = row.worst.right(view.labels)
        rows.append(
            (
                *(title_of(row.perturbation), row.strengths, row.accuracy, row.drop),
                *(minus(row.worst.strength), worst.value, worst.interval, 1000 * row.seconds),
            )
        )
    notes = (
        "Strongest first. Points lost: clean accuracy less the mean. Worst: the strength at which fewest are right.",
    )
    return Table("perturb-perturbations", "Accuracy by perturbation", columns, tuple(rows), notes)


def error_table(view: PerturbView) -> Table:
    """Corruption errors, and their mean over the fifteen standard ones."""
    divided = view.references is not None
    columns = (
        Column("Corruption"),
        Column("error", "share", "Raw", "error"),
        Column("relative, points", "points", "Raw", "relative_error"),
        *(
            (
                Column("error", "share", "Normalised", "normalised_error"),
                Column("relative", "share", "Normalised", "normalised_relative_error"),
            )
            if divided
            else ()
        ),
    )
    found = view.corruption_errors
    rows: list[tuple[Cell, ...]] = [
        (title_of(r.corruption), r.error, r.relative, *((r.normalised, r.relative_normalised) if divided else ()))
        for r in found
    ]
    mean = view.mean_corruption_error
    notes = ["Error: the mean over severities 1 to 5. Relative: what of it is added to the error on clean images."]
    if mean is not None:
        extra = (Bold(mean.normalised), Bold(mean.relative_normalised)) if divided else ()
        rows.append((f"Mean of the {mean.corruptions} standard (mCE)", Bold(mean.raw), Bold(mean.relative), *extra))
    if view.references is not None:
        notes.append(f"Normalised: divided by the errors of {view.references.name}.")
    elif found:
        notes.append("Raw errors, divided by nothing: no reference errors are known for these data.")
    return Table("perturb-corruption-errors", "Corruption errors", columns, tuple(rows), tuple(notes))


def least_table(view: PerturbView) -> Table:
    """How far samples can be perturbed."""
    columns = (
        Column("Perturbation"),
        Column("Towards", "text"),
        Column("Median least strength", "text", key="median"),
        Column("still right", "ratio", "Samples", "still_right"),
        Column("share", "share", "Samples", "still_right_share"),
        Column("Area", "decimal", key="area"),
    )
    rows = []
    for row in view.least:
        left = row.still_right(row.towards)
        median = "–" if row.median is None else minus(row.median, ".3g")
        towards = minus(row.towards) if row.unit == "severity" else f"{minus(row.towards)} {row.unit}"
        rows.append((title_of(row.perturbation), towards, median, left, left.value, row.area))
    steps = view.least[0].steps if view.least else 0
    note = (
        f"Of the samples right when clean, walked in {plural(steps, 'even step')} from the strength that changes "
        "nothing. Area: the mean share still right on the way, 1 where nothing was ever wrong."
    )
    return Table("perturb-least", "How far images can be perturbed", columns, tuple(rows), (note,))


def correlation_table(view: PerturbView) -> Table:
    """Whether a distance tells the accuracy."""
    columns = (
        Column("Distance"),
        Column("Rank correlation with accuracy", "decimal", key="rho"),
        Column("95 %", "text", key="interval"),
        Column("p", "decimal", key="p_value"),
    )
    rows = []
    for distance, found in view.correlations.items():
        rows.append((DISTANCE_TITLES[distance], found.rho, between(found.low, found.high), found.p_value))
    notes = (f"Spearman’s ρ over {plural(len(view.cells), 'cell')} of perturbation and strength; bootstrap interval.",)
    return Table("perturb-correlations", "Accuracy and distances", columns, tuple(rows), notes)


def cell_table(view: PerturbView) -> Table:
    """Every perturbation at every strength."""
    columns = (
        Column("Perturbation"),
        Column("Strength", "text"),
        *rate_columns("Accuracy", "right", "accuracy"),
        *(Column(name, "decimal", "Mean change", f"mean_{key}") for key, name in DISTANCE_TITLES.items()),
        Column("ms an image", "decimal", key="milliseconds"),
    )
    rows = []
    for cell in view.cells:
        means = (cell.mean("l1"), cell.mean("l2"), cell.mean("linf"), cell.mean("ssim"))
        strength = (title_of(cell.perturbation), minus(cell.strength))
        rows.append((*strength, *rate_cells(cell.right(view.labels)), *means, 1000 * cell.seconds))
    return Table("perturb-cells", "Every perturbation and strength", columns, tuple(rows), (_UNITS,))
