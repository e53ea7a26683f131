"""The papers' figures, and ours beside them.

D. V. Vargas and S. Kotyan, *Model Agnostic Dual Quality Assessment for Adversarial Machine Learning and an Analysis of
Current Neural Networks and Defenses* (arXiv:1906.06026v1, 2019): tables III to VI, on CIFAR-10. S. Kotyan and D. V.
Vargas, *Adversarial Robustness Assessment: Why both L0 and L∞ Attacks Are Necessary* (v3, 2020) prints the same figures
as tables II, III and V, and clean accuracy to two digits for the defences too.

Three things in them do not agree. CapsNet's L0 row by CMA-ES reads 21/37/49/57 in table IV and 20/39/40/41 in table
III, where 21/37/49/57 is its row by DE. The text has both searches win as often under L0, table III has DE win six of
eight levels. Table V multiplies the attacked accuracy of feature squeezing by the clean accuracy of adversarial
training (87 %), not by its own (92 %).
"""

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pixelproof.results.derived_levels import LEVELS
from pixelproof.results.intervals import Rate
from pixelproof.results.study.areas import areas
from pixelproof.results.study.assessed import NORMS, Assessed, Level, Role, in_role
from pixelproof.results.study.main_table import Line

SOURCE = "Vargas & Kotyan (2019), arXiv:1906.06026v1, tables III–VI; Kotyan & Vargas (2020), v3, tables II, III and V"
SAMPLES = 100  # attacked in each, all classified correctly; clean accuracy is over the 10,000 test images
Measure = Literal["clean accuracy", "attack success rate", "area"]


@dataclass(frozen=True)
class Published:
    """One row of the papers' tables: percentages, and the areas where there are any."""

    name: str
    defence: bool
    clean: float
    fooled: Mapping[Level, int]
    areas: Mapping[str, float]  # by norm

    @property
    def line(self) -> Line:
        """The row as a line of the main table."""
        clean = Rate(round(self.clean * 100), 10_000)
        rates = {level: Rate(percent, SAMPLES) for level, percent in self.fooled.items()}
        if self.defence:  # on the ResNet of the same tables
            return Line("ResNet", self.name, self.name, clean, rates)
        return Line(self.name, None, self.name, clean, rates)


@dataclass(frozen=True)
class Beside:
    """One of our figures and the published one, both in percent, or in percent × th for areas."""

    label: str
    published_as: str
    role: Role | None  # of our run: which searches it took; None where that does not matter
    measure: Measure
    attack: str | None
    threshold: int | None
    ours: float
    theirs: float

    @property
    def difference(self) -> float:
        return self.ours - self.theirs


_FIGURES = tomllib.loads(Path(__file__).with_name("published.toml").read_text("utf-8"))


def _levels(row: Mapping[str, Sequence[int]]) -> dict[Level, int]:
    return {(attack, th): value for attack in NORMS for th, value in zip(LEVELS, row[attack], strict=True)}


def _published(name: str, row: Mapping[str, Any]) -> Published:
    areas = dict(zip(NORMS, row["areas"], strict=True)) if "areas" in row else {}
    return Published(name, not areas, row["clean"], _levels(row), areas)


#: By CMA-ES: the networks, then the defences.
PUBLISHED = tuple(_published(*each) for kind in ("networks", "defences") for each in _FIGURES[kind].items())
#: Both searches on the same networks, percent by level.
DE, CMA_ES = ({name: _levels(row) for name, row in _FIGURES[search].items()} for search in ("de", "cma-es"))


def published_name(run: Assessed) -> str | None:
    """The papers' name of the network, or of the defence, that ``run`` is of; None where they have none.

    Their defences stand on a ResNet, so only one on a ResNet has their name.
    """
    network = _named(run.name, "networks")
    if run.defence is None:
        return network
    return _defence(run.defence) if network == "ResNet" else None


def published_lines() -> list[Line]:
    """The papers' main table."""
    return [row.line for row in PUBLISHED]


def beside(runs: Sequence[Assessed]) -> list[Beside]:
    """Every figure of ``runs`` that the papers have too: clean accuracy, levels by each role, areas.

    Runs by DE stand beside the papers' DE; all others beside their CMA-ES, which is what the papers took.
    """
    return [*_clean(runs), *_fooled(runs), *_areas(runs)]


def is_adversarial_training(defence: str | None) -> bool:
    """Whether ``defence`` is that and nothing besides."""
    return defence is not None and _defence(defence) == "AT"


def _defence(defence: str) -> str | None:
    """The papers' name of ``defence``; none where different ones are joined, since the papers' stand alone."""
    parts = re.sub(r"\([^)]*\)", "", defence).split("+")
    names = {_named(part, "defences") for part in parts}
    return names.pop() if len(names) == 1 else None


def _named(name: str, kind: Literal["networks", "defences"]) -> str | None:
    plain = re.sub(r"[^a-z0-9]", "", name.lower())
    return next((theirs for theirs, row in _FIGURES[kind].items() if re.match(row["called"], plain)), None)


def _row(run: Assessed) -> Published | None:
    name = published_name(run)
    return next((row for row in PUBLISHED if row.name == name), None)


def _clean(runs: Iterable[Assessed]) -> list[Beside]:
    first: dict[str, Assessed] = {}
    for run in runs:
        first.setdefault(run.label, run)
    return [
        Beside(label, row.name, None, "clean accuracy", None, None, 100 * share, row.clean)
        for label, run in first.items()
        if (row := _row(run)) is not None and (share := run.clean.value) is not None
    ]


def _fooled(runs: Sequence[Assessed]) -> list[Beside]:
    roles: dict[Role, Callable[[Published], Mapping[Level, int]]] = {
        "levels": lambda row: row.fooled,
        "cma-es": lambda row: row.fooled,
        "de": lambda row: DE.get(row.name, {}),
    }
    return [
        Beside(run.label, row.name, role, "attack success rate", *level, 100 * share, percent)
        for role, of in roles.items()
        for run in in_role(runs, role)
        if (row := _row(run)) is not None
        for level, percent in of(row).items()
        if (share := run.fooled.get(level, Rate(0, 0)).value) is not None
    ]


def _areas(runs: Sequence[Assessed]) -> list[Beside]:
    rows = {run.label: _row(run) for run in in_role(runs, "minimal")}
    return [
        Beside(area.label, row.name, None, "area", attack, None, area.minimal.published_area, row.areas[attack])
        for area in areas(runs)
        if (row := rows[area.label]) is not None and (attack := area.minimal.attack) in row.areas
    ]
