"""Corruptions whose strength is a severity, 1 to 5, with any number between: constants of tables, joined by lines.

Hendrycks & Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations", ICLR 2019:
one table for ImageNet's images (224×224), a milder one for CIFAR's (32×32).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from pixelproof.corruptions.corruption import Corruption
from pixelproof.errors import InputError

Table = Literal["imagenet", "cifar"]
#: One row of constants for each severity, 1 to 5.
Rows = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class SeverityCorruption(Corruption):
    """Of a ``table``: "imagenet" or "cifar". Severity 0 changes nothing."""

    table: Table = "imagenet"

    #: The constants that change nothing, then those of each severity, by table.
    still: ClassVar[tuple[float, ...]]
    tables: ClassVar[dict[Table, Rows]]

    def check(self, strength: float) -> None:
        if not 0 <= strength <= 5:
            raise InputError(f"{self.name}: a severity of 1 to 5 was expected, not {strength:g}; choose one of these.")

    def constants(self, severity: float) -> tuple[float, ...]:
        """Those of a ``severity`` from 0 to 5: the table's at whole numbers, on straight lines between them."""
        rows = (self.still, *self.tables[self.table])
        low = min(int(severity), 4)
        part = severity - low
        return tuple(a + part * (b - a) for a, b in zip(rows[low], rows[low + 1], strict=True))
