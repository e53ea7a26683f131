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

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pixelproof.results.derived_levels import LEVELS
from pixelproof.results.intervals import Rate
from pixelproof.results.study.areas import areas
from pixelproof.results.study.assessed import NORMS, Assessed, Level, Role, in_role
from pixelproof.results.study.main_table import Line
from pixelproof.wording import FEW_PIXEL, THRESHOLD

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


def _levels(l0: tuple[int, int, int, int], linf: tuple[int, int, int, int]) -> dict[Level, int]:
    rows = ((FEW_PIXEL, l0), (THRESHOLD, linf))
    return {(attack, th): value for attack, row in rows for th, value in zip(LEVELS, row, strict=True)}


def _network(
    name: str, clean: float, l0: tuple[int, int, int, int], linf: tuple[int, int, int, int], *area: float
) -> Published:
    return Published(name, not area, clean, _levels(l0, linf), dict(zip(NORMS, area, strict=bool(area))))


#: By CMA-ES: table IV (networks), table V (defences), table VI (areas).
PUBLISHED = (
    _network("WideResNet", 95.12, (11, 55, 75, 94), (15, 97, 98, 100), 425.0, 141.5),
    _network("DenseNet", 94.54, (9, 43, 66, 78), (23, 68, 72, 74), 989.5, 696.0),
    _network("ResNet", 92.67, (12, 52, 73, 85), (33, 71, 76, 83), 674.0, 575.5),
    _network("NIN", 90.87, (18, 62, 81, 90), (11, 86, 88, 92), 528.0, 364.0),
    _network("AllConv", 88.46, (11, 31, 57, 77), (9, 70, 73, 75), 1123.5, 849.0),
    _network("CapsNet", 79.03, (21, 37, 49, 57), (13, 34, 72, 97), 2493.0, 404.5),
    _network("LeNet", 73.57, (58, 86, 94, 99), (44, 96, 100, 100), 137.5, 104.0),
    _network("AT", 87.11, (22, 52, 66, 86), (3, 12, 25, 57)),
    _network("TVM", 47.55, (16, 12, 20, 24), (4, 4, 6, 14)),
    _network("FS", 92.37, (17, 49, 69, 78), (26, 63, 66, 74)),
)
#: Table III, percent by level.
DE: dict[str, dict[Level, int]] = {
    "ResNet": _levels((24, 70, 75, 79), (5, 23, 53, 82)),
    "CapsNet": _levels((21, 37, 49, 57), (11, 13, 15, 23)),
}
CMA_ES: dict[str, dict[Level, int]] = {
    "ResNet": _levels((12, 52, 73, 85), (33, 71, 76, 83)),
    "CapsNet": _levels((20, 39, 40, 41), (13, 34, 72, 97)),
}
#: How names begin, in lower case and without punctuation. Pre-activation ResNets are not the papers' ResNet.
_NETWORKS = {
    "WideResNet": "wideresnet|wrn",
    "DenseNet": "densenet",
    "ResNet": "resnet",
    "NIN": "nin|networkinnetwork",
    "AllConv": "allcnn|allconv",
    "CapsNet": "capsnet",
    "LeNet": "lenet",
}
_DEFENCES = {
    "AT": "at$|adversarial|pgd|fgsm|fast",
    "TVM": "tvm|totalvaria",
    "FS": "fs$|featuresqueez|squeez|bits|median",
}


def published_name(run: Assessed) -> str | None:
    """The papers' name of the network, or of the defence, that ``run`` is of; None where they have none.

    Their defences stand on a ResNet, so only one on a ResNet has their name.
    """
    network = _named(run.name, _NETWORKS)
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
    names = {_named(part, _DEFENCES) for part in parts}
    return names.pop() if len(names) == 1 else None


def _named(name: str, known: Mapping[str, str]) -> str | None:
    plain = re.sub(r"[^a-z0-9]", "", name.lower())
    return next((theirs for theirs, begins in known.items() if re.match(begins, plain)), None)


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
