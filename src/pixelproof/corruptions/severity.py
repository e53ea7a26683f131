"""Corruptions whose strength is a severity, 1 to 5, with any number between: constants of tables, joined by lines.

Hendrycks & Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations", ICLR 2019:
what each of them is, and its constants, by name in ``severities.toml``.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pixelproof.corruptions.corruption import Corruption
from pixelproof.errors import InputError

Table = Literal["imagenet", "cifar"]
#: By the corruption's name: ``still``, the constants that change nothing, and by table a row for each severity, 1 to 5.
SEVERITIES: dict[str, Any] = tomllib.loads(Path(__file__).with_name("severities.toml").read_text("utf-8"))


@dataclass(frozen=True)
class SeverityCorruption(Corruption):
    """Of a ``table``: "imagenet" or "cifar". Severity 0 changes nothing."""

    table: Table = "imagenet"

    def check(self, strength: float) -> None:
        if not 0 <= strength <= 5:
            raise InputError(f"{self.name}: a severity of 1 to 5 was expected, not {strength:g}; choose one of these.")

    def rows(self) -> list[list[float]]:
        """The constants of each whole severity, 0 to 5."""
        known = SEVERITIES[self.name]
        return [known["still"], *known[self.table]]

    def constants(self, severity: float) -> tuple[float, ...]:
        """Those of a ``severity`` from 0 to 5: the table's at whole numbers, on straight lines between them."""
        rows, low = self.rows(), min(int(severity), 4)
        part = severity - low
        return tuple(a + part * (b - a) for a, b in zip(rows[low], rows[low + 1], strict=True))
