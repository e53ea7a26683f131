"""Corruptions whose strength is a severity, 1 to 5, with any number between: constants of tables, joined by lines.

Hendrycks & Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations", ICLR 2019:
what each of them is, and its constants, by name in ``severities.toml``.

Their code gives its results to NumPy's uint8, which cuts them off: half a level darker in the mean, and at the mildest
severities a tenth of the whole distance. So do these; ``rounding`` "nearest" is for work that compares with nothing
published.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from torch import Tensor

from pixelproof.corruptions.corruption import Corruption
from pixelproof.errors import InputError
from pixelproof.units import cut_to_8_bit, to_8_bit

Table = Literal["imagenet", "cifar"]
Rounding = Literal["reference", "nearest"]
#: By the corruption's name: ``still``, the constants that change nothing, and by table a row for each severity, 1 to 5.
SEVERITIES: dict[str, Any] = tomllib.loads(Path(__file__).with_name("severities.toml").read_text("utf-8"))


@dataclass(frozen=True)
class SeverityCorruption(Corruption):
    """Of a ``table``: "imagenet" or "cifar". Severity 0 changes nothing.

    ``rounding`` is the reference's, or to the nearest level.
    """

    table: Table = "imagenet"
    rounding: Rounding = "reference"
    #: Whether the reference cuts results off; it does not where a library hands it whole levels.
    cut: ClassVar[bool] = True

    def check(self, strength: float) -> None:
        if not 0 <= strength <= 5:
            raise InputError(f"{self.name}: a severity of 1 to 5 was expected, not {strength:g}; choose one of these.")

    def _rounded(self, changed: Tensor) -> Tensor:
        return cut_to_8_bit(changed) if self.cut and self.rounding == "reference" else to_8_bit(changed)

    def rows(self) -> list[list[float]]:
        """The constants of each whole severity, 0 to 5."""
        known = SEVERITIES[self.name]
        return [known["still"], *known[self.table]]

    def constants(self, severity: float) -> tuple[float, ...]:
        """Those of a ``severity`` from 0 to 5: the table's at whole numbers, on straight lines between them."""
        rows, low = self.rows(), min(int(severity), 4)
        part = severity - low
        return tuple(a + part * (b - a) for a, b in zip(rows[low], rows[low + 1], strict=True))
