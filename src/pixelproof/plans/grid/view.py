"""Everything the page of a grid says, as values: the page is written from them alone."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from pixelproof.results.attempts import WORST
from pixelproof.results.grid import DefenceCost, GridCell
from pixelproof.results.grid_clever import CleverRow
from pixelproof.runs import Finding, Manifest
from pixelproof.wording import plural


@dataclass(frozen=True)
class GridRun:
    """One run of the grid, and ``place``, the path by which a reader finds its folder."""

    label: str
    manifest: Manifest
    place: str


@dataclass(frozen=True, eq=False)
class GridView:
    """A conducted grid."""

    cells: tuple[GridCell, ...]
    costs: tuple[DefenceCost, ...]
    runs: tuple[GridRun, ...]
    absent: Mapping[str, str] = field(default_factory=dict)  # by label, why a model is left out, one sentence
    skipped: tuple[str, ...] = ()  # sentences on attacks that could not be tried, and where CLEVER means nothing
    clever: tuple[CleverRow, ...] = ()

    @cached_property
    def attacks(self) -> list[str]:
        """The attacks in their order, each by its spelling; the worst case last."""
        found = dict.fromkeys(cell.place.attack for cell in self.cells)
        return [*(each for each in found if each != WORST), *([WORST] if WORST in found else [])]

    @cached_property
    def short(self) -> Mapping[str, str]:
        """The attacks by names that are short where only one attack has them."""
        names = {attack: attack.partition("(")[0] for attack in self.attacks}
        taken = list(names.values())
        return {attack: name if taken.count(name) == 1 else attack for attack, name in names.items()}

    @cached_property
    def settings(self) -> list[tuple[str, str]]:
        """Ways and targets that a table is made for, the bare model standing in each."""
        return list(dict.fromkeys((c.place.way, c.place.target) for c in self.cells if c.place.defence)) or list(
            dict.fromkeys((c.place.way, c.place.target) for c in self.cells)
        )

    def at(self, way: str, target: str) -> list[GridCell]:
        """The cells of one ``way`` and ``target``, those of the bare model among them."""
        places = ((cell, cell.place) for cell in self.cells if cell.place.target == target)
        return [cell for cell, place in places if place.way == way or not place.defence]

    @property
    def title(self) -> str:
        """``3 attacks × 2 targets × 4 defences on 2 models``."""
        attacks = [each for each in self.attacks if each != WORST]
        targets = {cell.place.target for cell in self.cells}
        defences = {cell.place.defence for cell in self.cells}
        models = {cell.place.model for cell in self.cells}
        what = f"{plural(len(attacks), 'attack')} × {plural(len(targets), 'target setting')}"
        return f"{what} × {plural(len(defences), 'defence')} on {plural(len(models), 'model')}"

    @property
    def finished(self) -> bool:
        return all(run.manifest.status == "finished" for run in self.runs)

    @property
    def verifications(self) -> list[str]:
        """A command for each run that computes its claims again."""
        trusting = [bool(run.manifest.spec.get("trust_code")) for run in self.runs]
        return [
            f"pixelproof verify {shlex.quote(run.place)}{' --trust-code' if trust else ''}"
            for run, trust in zip(self.runs, trusting, strict=True)
        ]

    @property
    def findings(self) -> list[tuple[str, Finding]]:
        """What preflight and engine noticed, each once for a run, the gravest first."""
        order = {"error": 0, "warning": 1, "info": 2}
        noticed = [(run.label, finding) for run in self.runs for finding in run.manifest.findings]
        return sorted(dict.fromkeys(noticed), key=lambda pair: order[pair[1].severity])
