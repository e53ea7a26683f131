"""The tables of an audit."""

from __future__ import annotations

from pixelproof.report.audit_claim import claim_sentences
from pixelproof.report.table import Column, Table
from pixelproof.report.tables import flat
from pixelproof.results.audit.view import AuditView


def all_audit_tables(view: AuditView) -> list[Table]:
    """Every table with a row in it."""
    tables = (checkpoint_table(view), number_table(view), attack_table(view), claim_table(view), question_table(view))
    return [table for table in tables if table.rows]


def checkpoint_table(view: AuditView) -> Table:
    """A row a checkpoint."""
    columns = (
        Column("No.", "integer", key="number"),
        Column("Checkpoint"),
        Column("Verdict"),
        Column("Finding"),
        Column("What to do", key="remedy"),
    )
    rows = tuple((each.number, each.title, each.verdict, each.finding, each.remedy or None) for each in view.answers)
    return Table("audit-checkpoints", "Checkpoints", columns, rows, (view.judgement.title, *view.judgement.sentences))


def number_table(view: AuditView) -> Table:
    """Every number behind the verdicts."""
    columns = (Column("Checkpoint", "integer"), Column("Number"), Column("Value"))
    rows = tuple((each.number, name, text) for each in view.answers for name, text in each.numbers)
    return Table("audit-numbers", "The numbers behind the verdicts", columns, rows)


def attack_table(view: AuditView) -> Table:
    """Every attack made, with all its settings."""
    columns = (
        Column("Attack"),
        Column("Model seen", key="view"),
        Column("Needs"),
        Column("right", "ratio", "Under it", "right"),
        Column("share", "share", "Under it", "accuracy"),
        Column("95 %", "interval", "Under it", "accuracy"),
        Column("queries", "integer", "Mean an image", "queries"),
        Column("gradient steps", "integer", "Mean an image", "gradient_steps"),
        Column("Seconds", "decimal"),
    )
    views = {"plain": "as it is", "open": "laid open"}
    rows = tuple(
        (
            *(each.attack, views[each.view], each.needs, each.right, each.right.value, each.right.interval),
            *(each.queries, each.gradient_steps, each.seconds),
        )
        for each in view.attacks
    )
    notes = (
        "Laid open: gradients pass what has none (BPDA), and are means over many answers where they are random (EOT). "
        "Under it: the samples right within the attack’s own budget; those wrong without any attack count as fooled.",
    )
    return Table("audit-attacks", "Every attack made", columns, rows, notes)


def claim_table(view: AuditView) -> Table:
    """The claim as it was handed over."""
    told = view.claim.model_dump(mode="json", exclude_none=True, exclude={"comparisons"})
    told |= {f"comparison {k}": each.model_dump(mode="json") for k, each in enumerate(view.claim.comparisons, 1)}
    rows = tuple((key, text) for key, text in flat(told).items() if text)
    return Table("audit-claim", "The claim", (Column("Key"), Column("Value")), rows, tuple(claim_sentences(view.claim)))


def question_table(view: AuditView) -> Table:
    columns = (Column("Checkpoint", "integer"), Column("Question"), Column("Answer"))
    rows = tuple((each.number, question, None) for each, question in view.questions)
    return Table("audit-questions", "Questions for a person", columns, rows)
