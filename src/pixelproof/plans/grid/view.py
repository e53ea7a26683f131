"""Everything the page of a grid says, as values: the page is written from them alone."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from pixelproof.results.attempts import WORST
from pixelproof.results.grid import DefenceCost, GridCell, where
from pixelproof.results.grid_clever import CleverRow
from pixelproof.results.scoreboard import Row, rate_row, row
from pixelproof.runs import Finding, Manifest
from pixelproof.runs.identity import verify_command
from pixelproof.wording import method_name, plural


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
        """The attacks in their order, each by its spec; the worst case last."""
        found = dict.fromkeys(cell.place.attack for cell in self.cells)
        return [*(each for each in found if each != WORST), *([WORST] if WORST in found else [])]

    @cached_property
    def short(self) -> Mapping[str, str]:
        """The attacks by names that are short where only one attack has them."""
        names = {attack: attack.partition("(")[0] for attack in self.attacks}
        taken = list(names.values())
        return {attack: name if taken.count(name) == 1 else method_name(attack) for attack, name in names.items()}

    @cached_property
    def settings(self) -> list[tuple[str, str]]:
        """Ways and targets that a table is made for, the bare model standing in each."""
        return list(dict.fromkeys((c.place.access, c.place.target) for c in self.cells if c.place.defence)) or list(
            dict.fromkeys((c.place.access, c.place.target) for c in self.cells)
        )

    def at(self, access: str, target: str) -> list[GridCell]:
        """The cells of one ``access`` and ``target``, those of the bare model among them."""
        places = ((cell, cell.place) for cell in self.cells if cell.place.target == target)
        return [cell for cell, place in places if place.access == access or not place.defence]

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
        return [verify_command(run.place, run.manifest) for run in self.runs]

    @property
    def findings(self) -> list[tuple[str, Finding]]:
        """What preflight and engine noticed, each once for a run, the gravest first."""
        order = {"error": 0, "warning": 1, "info": 2}
        noticed = [(run.label, finding) for run in self.runs for finding in run.manifest.findings]
        return sorted(dict.fromkeys(noticed), key=lambda pair: order[pair[1].severity])


def rows(view: GridView) -> Iterator[Row]:
    """A row for each cell, one for each model and defence with its clean accuracy and cost, and those of CLEVER."""
    for cell in view.cells:
        place, attack = cell.place, view.short[cell.place.attack]
        yield rate_row(
            f"{attack} on {where(place)}, {place.access}, target {place.target}",
            "% of samples fooled",
            cell.fooled,
            model=place.model,
            defence=place.defence,
            access=place.access,
            attack=attack,
            aim=place.target,  # ``target`` is what a row is judged by
            mean_l2=_rounded(cell.mean_l2),
            mean_linf=_rounded(cell.mean_linf),
            mean_queries=_rounded(cell.mean_queries),
            mean_gradient_steps=_rounded(cell.mean_gradient_steps),
            seconds_per_image=_rounded(cell.seconds),
        )
    for cost in view.costs:
        yield row(
            f"clean accuracy: {cost.model}{f' behind {cost.defence}' if cost.defence else ''}",
            None if cost.clean.value is None else round(100 * cost.clean.value, 1),
            "% right",
            model=cost.model,
            defence=cost.defence,
            successes=cost.clean.successes,
            total=cost.clean.total,
            milliseconds=_rounded(cost.milliseconds),
        )
    for each in view.clever:
        attack = view.short.get(each.attack, each.attack)
        yield row(
            f"CLEVER of {each.model} beside the distances of {attack}, target {each.target}",
            _rounded(each.rho),
            "Spearman's ρ",
            model=each.model,
            attack=attack,
            norm=each.norm,
            mean_score=_rounded(each.mean_score),
            mean_distance=_rounded(each.mean_distance),
            successes=each.found.successes,
            total=each.found.total,
        )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
