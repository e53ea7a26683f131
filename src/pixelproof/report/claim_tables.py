"""Claims of a source as tables: verdicts, and the numbers behind them."""

from collections.abc import Iterable, Mapping, Sequence

from pixelproof.report.table import Cell, Column, Table
from pixelproof.results.claim import PaperClaim
from pixelproof.results.intervals import Rate
from pixelproof.wording import minus, percent


def verdict_table(
    name: str, title: str, claims: Sequence[PaperClaim], theirs_title: str, theirs: Mapping[str, str | None]
) -> Table:
    """The verdicts here, and ``theirs`` by the claim's name; rules and numbers in the notes."""
    columns = (Column("Claim"), Column("Here", "verdict"), Column(theirs_title, "verdict", key="published"))
    rows = tuple((claim.text, claim.verdict, theirs.get(claim.name)) for claim in claims)
    return Table(name, title, columns, rows, tuple(map(_explained, claims)))


def number_table(name: str, claims: Iterable[PaperClaim]) -> Table:
    """The numbers behind the verdicts, for programs."""
    columns = (
        Column("Claim"),
        Column("Number"),
        Column("Value", "decimal"),
        Column("samples", "ratio", "Rate", "samples"),
        Column("95 %", "interval", "Rate", "share"),
    )
    rows: list[tuple[Cell, ...]] = []
    for claim in claims:
        for label, number in claim.numbers:
            if isinstance(number, Rate):
                rows.append((claim.name, label, number.value, number, number.interval))
            else:
                rows.append((claim.name, label, number, None, None))
    return Table(name, "The numbers behind the claims", columns, tuple(rows))


def _explained(claim: PaperClaim) -> str:
    """The rule, why it cannot be judged if so, and the numbers."""
    numbers = "; ".join(f"{name}: {_number(value)}" for name, value in claim.numbers)
    parts = (claim.text, f"Rule: {claim.rule}", claim.reason, f"Found: {numbers}." if numbers else "")
    return " ".join(part for part in parts if part)


def _number(value: Rate | float) -> str:
    if isinstance(value, Rate):
        return f"{percent(value.value)} ({value.ratio})"
    return minus(value, ".2f").removesuffix(".00")
