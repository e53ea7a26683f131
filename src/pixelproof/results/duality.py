"""What one norm shows and the other hides (Vargas & Kotyan, arXiv:1906.06026): L0 against L∞."""

from collections.abc import Sequence
from dataclasses import dataclass

from pixelproof.results.outcomes import by_attack
from pixelproof.runs.record import Record
from pixelproof.wording import FEW_PIXEL, THRESHOLD


@dataclass(frozen=True)
class DualityRow:
    """Samples attacked in both norms at ``threshold``, by who fooled them."""

    threshold: int
    few_pixel_only: int
    threshold_only: int
    both: int
    neither: int

    @property
    def total(self) -> int:
        return self.few_pixel_only + self.threshold_only + self.both + self.neither


def duality_rows(records: Sequence[Record]) -> list[DualityRow]:
    """A row for each threshold at which both attacks have samples in common; over all searches of each."""
    outcomes = {o.attack: o for o in by_attack(records)}
    if FEW_PIXEL not in outcomes or THRESHOLD not in outcomes:
        return []
    l0, linf = outcomes[FEW_PIXEL], outcomes[THRESHOLD]
    rows = []
    for th in [th for th in l0.thresholds if th in linf.attacked]:
        attacked = l0.attacked[th] & linf.attacked[th]
        a, b = l0.fooled(th) & attacked, linf.fooled(th) & attacked
        if attacked:
            rows.append(DualityRow(th, len(a - b), len(b - a), len(a & b), len(attacked - a - b)))
    return rows
