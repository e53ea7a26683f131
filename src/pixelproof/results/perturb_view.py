"""Everything the page on perturbations says, as values read from the journal: the page is written from them alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pixelproof.jobs.perturb import JOURNAL
from pixelproof.results.intervals import Rate
from pixelproof.results.perturbations import (
    Cell,
    CorruptionError,
    Distance,
    Least,
    MeanCorruptionError,
    References,
    Standing,
    corruption_errors,
    distance_correlations,
    mean_corruption_error,
    standings,
)
from pixelproof.results.rank_correlation import RankCorrelation
from pixelproof.results.reference_errors import STANDARD, references
from pixelproof.runs.journal import Journal
from pixelproof.runs.record import Finding

#: How the distances are written.
DISTANCE_TITLES: Mapping[Distance, str] = {"l1": "L1", "l2": "L2", "linf": "L∞", "ssim": "SSIM"}


@dataclass(frozen=True)
class WorstCase:
    """What random turns, shifts and lights of each sample came to, the worst of ``candidates`` each."""

    candidates: int
    right: Rate


@dataclass(frozen=True, eq=False)
class PerturbView:
    """A journal, read."""

    head: Mapping[str, Any]
    cells: tuple[Cell, ...]
    pictures: Mapping[tuple[str, float], str]
    least: tuple[Least, ...]
    worst_case: WorstCase | None

    @property
    def labels(self) -> Sequence[int]:
        labels: list[int] = self.head["labels"]
        return labels

    @property
    def clean(self) -> Rate:
        said = self.head["clean"]
        return Rate(sum(a == b for a, b in zip(said, self.labels, strict=True)), len(self.labels))

    @property
    def finished(self) -> bool:
        return len(self.cells) == int(self.head["planned"])

    @property
    def findings(self) -> list[Finding]:
        return [Finding(**each) for each in self.head["findings"]]

    @cached_property
    def standings(self) -> list[Standing]:
        return standings(self.cells, self.labels, self.clean)

    @property
    def perturbed(self) -> float | None:
        """Mean accuracy over all perturbations, each counted once."""
        return sum(row.accuracy for row in self.standings) / len(self.standings) if self.standings else None

    @cached_property
    def references(self) -> References | None:
        return references(self.head["table"], self.head["class_names"])

    @cached_property
    def corruption_errors(self) -> list[CorruptionError]:
        return corruption_errors(self.cells, self.labels, self.clean, self.references)

    @property
    def mean_corruption_error(self) -> MeanCorruptionError | None:
        return mean_corruption_error(self.corruption_errors, STANDARD)

    @cached_property
    def correlations(self) -> dict[Distance, RankCorrelation]:
        return distance_correlations(self.cells, self.labels)


def read_perturbations(folder: Path) -> PerturbView:
    """The view of the journal in ``folder``. Raises ``RunError`` where there is none."""
    return perturb_view(Journal.open(folder / JOURNAL))


def perturb_view(journal: Journal) -> PerturbView:
    cells, pictures = [], {}
    for value in journal.of("cell"):
        cell = Cell(**{key: _frozen(each) for key, each in value.items() if key != "picture"})
        cells.append(cell)
        pictures[cell.perturbation, cell.strength] = value["picture"]
    labels = journal.head["labels"]
    worst = None
    for value in journal.of("worst"):
        right = sum(a == b for a, b in zip(value["answers"], labels, strict=True))
        worst = WorstCase(value["candidates"], Rate(right, len(labels)))
    least = tuple(Least(**{key: _frozen(each) for key, each in value.items()}) for value in journal.of("least"))
    return PerturbView(journal.head, tuple(cells), pictures, least, worst)


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def name_of(perturbation: str) -> str:
    """``Gaussian noise``, ``JPEG compression``, ``rotation``: as it stands within a sentence."""
    words = perturbation.replace("-", " ")
    for small, proper in (("jpeg", "JPEG"), ("rgb", "RGB"), ("gaussian", "Gaussian")):
        words = words.replace(small, proper)
    return words


def title_of(perturbation: str) -> str:
    """The same with a capital."""
    name = name_of(perturbation)
    return name[:1].upper() + name[1:]
