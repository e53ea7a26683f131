"""The area over each network's curve of minimal thresholds: bigger is more robust."""

from collections.abc import Sequence
from dataclasses import dataclass

from pixelproof.results.minimal import MinimalThresholds, minimal_thresholds
from pixelproof.results.outcomes import complete
from pixelproof.results.study.assessed import NORMS, Assessed, in_role, one_each


@dataclass(frozen=True)
class NetworkArea:
    """One network's minimal thresholds under one norm: areas, curve, and who was not fooled."""

    label: str
    minimal: MinimalThresholds


def areas(runs: Sequence[Assessed]) -> list[NetworkArea]:
    """By norm and network, of the runs that sought minimal thresholds and are through."""
    found = [
        NetworkArea(label, minimal)
        for label, run in one_each(in_role(runs, "minimal")).items()
        for minimal in minimal_thresholds(complete(run.records, run.selection.samples))
    ]
    return [area for attack in NORMS for area in found if area.minimal.attack == attack]
