"""The protocol's tables: ours beside the published ones, the perturbations across data sets, and the claims."""

from __future__ import annotations

from pixelproof.plans.thesis.view import ThesisView
from pixelproof.report.claim_tables import number_table, verdict_table
from pixelproof.report.table import Cell, Column, Table
from pixelproof.results.claim import Verdict
from pixelproof.results.perturb_view import title_of
from pixelproof.results.thesis import PUBLISHED

#: What the thesis itself concludes on each claim.
_THEIRS: dict[str, Verdict | None] = {
    "rotation-and-jitter": "held",
    "grey-immune": "held",
    "harder-is-weaker": "held",
    "no-correlation": "held",
    "pgd-strong": "held",
}


def all_thesis_tables(view: ThesisView) -> list[Table]:
    """Every table."""
    claims = view.claims
    return [
        perturbation_table(view),
        pgd_table(view),
        standing_table(view),
        verdict_table("thesis-claims", "The thesis's claims", claims, "In the thesis", _THEIRS),
        number_table("thesis-claim-numbers", claims),
    ]


def perturbation_table(view: ThesisView) -> Table:
    """Its table 8: clean, after perturbation, difference; published figures below ours."""
    columns = (
        Column("Data"),
        Column("Whose"),
        Column("Test set", "share", key="test_accuracy"),
        Column("Samples", "integer"),
        Column("Clean", "share", key="clean_accuracy"),
        Column("Perturbed", "share", key="perturbed_accuracy"),
        Column("Difference", "share", key="difference"),
        Column("Seconds", "decimal"),
    )
    rows: list[tuple[Cell, ...]] = []
    for each in view.subjects:
        clean = each.clean.value or 0.0
        figures = (clean, each.perturbed, clean - each.perturbed)
        rows.append((each.name, "ours", each.test.value, each.clean.total, *figures, each.perturb_seconds))
        rows += _published(each.name)
    rows += [row for name in PUBLISHED if name not in _names(view) for row in _published(name)]
    notes = (
        "Perturbed: the mean over the five perturbations of their mean over strengths. Seconds are of all "
        "perturbations on all samples, without the model's answers; the thesis names none.",
    )
    title = "Clean and perturbed, ours and the published figures"
    return Table("thesis-perturbations", title, columns, tuple(rows), notes)


def _published(name: str) -> list[tuple[Cell, ...]]:
    found = PUBLISHED.get(name)
    if found is None:
        return []
    clean, perturbed = found.clean / 100, found.perturbed / 100
    return [(name, "published", None, 10, clean, perturbed, clean - perturbed, None)]


def pgd_table(view: ThesisView) -> Table:
    """Its table 9: clean, after PGD, difference, time."""
    columns = (
        Column("Data"),
        Column("Whose"),
        Column("Samples", "integer"),
        Column("Clean", "share", key="clean_accuracy"),
        Column("After PGD", "share", key="pgd_accuracy"),
        Column("Difference", "share", key="difference"),
        Column("Seconds", "decimal"),
    )
    rows: list[tuple[Cell, ...]] = []
    for each in view.subjects:
        clean, after = each.clean.value or 0.0, each.pgd.value or 0.0
        rows.append((each.name, "ours", each.clean.total, clean, after, clean - after, each.pgd_seconds))
        rows += _published_pgd(each.name)
    rows += [row for name in PUBLISHED if name not in _names(view) for row in _published_pgd(name)]
    return Table("thesis-pgd", "Clean and after PGD, ours and the published figures", columns, tuple(rows))


def _published_pgd(name: str) -> list[tuple[Cell, ...]]:
    found = PUBLISHED.get(name)
    if found is None:
        return []
    clean, after = found.clean / 100, found.pgd / 100
    return [(name, "published", 10, clean, after, clean - after, found.pgd_seconds)]


def standing_table(view: ThesisView) -> Table:
    """Perturbations down, data sets across: mean accuracy over strengths."""
    columns = (Column("Perturbation"), *(Column(each.name, "share") for each in view.subjects))
    names = [row.perturbation for row in view.subjects[0].standings]
    rows: list[tuple[Cell, ...]] = [
        (title_of(name), *(each.standing(name).accuracy for each in view.subjects)) for name in names
    ]
    return Table("thesis-standings", "Mean accuracy by perturbation", columns, tuple(rows))


def _names(view: ThesisView) -> set[str]:
    return {each.name for each in view.subjects}
