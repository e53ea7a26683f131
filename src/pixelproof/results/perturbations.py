"""What common perturbations do to a classifier: accuracy, distances, corruption errors, and how they go together.

Pure functions of cells. Hendrycks & Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and
Perturbations", ICLR 2019, for the mean corruption error; Chaparro Quiñones, "Robustness Analysis of Deep Neural
Networks for Computer Vision" (thesis, 2020), for accuracy beside distances.
"""

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import ClassVar, Literal, get_args

from pixelproof.results.intervals import Rate
from pixelproof.results.rank_correlation import FEWEST, RankCorrelation, rank_correlation

Distance = Literal["l1", "l2", "linf", "ssim"]


@dataclass(frozen=True)
class PerturbationRecord:
    """One perturbation at one strength over N samples.

    ``answers`` are the classes said; ``l1``, ``l2`` and ``linf`` the distances to the clean image in grey levels over
    all channel values, ``ssim`` the structural similarity (1: the same). ``seconds`` is of the perturbation, an image.
    The image kept is that of ``sample``.
    """

    TABLE: ClassVar[str] = "perturbations"
    KEY: ClassVar[tuple[str, ...]] = ("perturbation", "strength")

    perturbation: str
    strength: float
    unit: str
    none: float  # the strength that changes nothing
    answers: tuple[int, ...]
    l1: tuple[float, ...]
    l2: tuple[float, ...]
    linf: tuple[float, ...]
    ssim: tuple[float, ...]
    seconds: float
    sample: int | None = None

    def right(self, labels: Sequence[int]) -> Rate:
        """How many of the samples are still classified as their ``labels`` say."""
        return Rate(sum(a == b for a, b in zip(self.answers, labels, strict=True)), len(labels))

    def mean(self, distance: Distance) -> float:
        values: tuple[float, ...] = getattr(self, distance)
        return fmean(values)


@dataclass(frozen=True)
class WorstCase:
    """The answers to each sample's worst of ``candidates`` random turns, shifts and lights, and the queries it took."""

    TABLE: ClassVar[str] = "worst_cases"
    KEY: ClassVar[tuple[str, ...]] = ("candidates",)

    candidates: int
    answers: tuple[int, ...]
    queries: tuple[int, ...]

    def right(self, labels: Sequence[int]) -> Rate:
        """How many of the samples are still classified as their ``labels`` say."""
        return Rate(sum(a == b for a, b in zip(self.answers, labels, strict=True)), len(labels))


@dataclass(frozen=True)
class Standing:
    """A perturbation over all its strengths; shares in [0, 1]."""

    perturbation: str
    accuracy: float  # mean over the strengths
    drop: float  # clean accuracy less that
    worst: PerturbationRecord  # where fewest are right
    strengths: int
    seconds: float


def standings(cells: Iterable[PerturbationRecord], labels: Sequence[int], clean: Rate) -> list[Standing]:
    """The perturbations, strongest first."""
    found = []
    for name, group in by_perturbation(cells).items():
        shares = [cell.right(labels).value or 0.0 for cell in group]
        worst = min(zip(shares, group, strict=True), key=lambda pair: pair[0])[1]
        mean = fmean(shares)
        found.append(
            Standing(name, mean, (clean.value or 0.0) - mean, worst, len(group), fmean(cell.seconds for cell in group))
        )
    return sorted(found, key=lambda row: (row.accuracy, row.perturbation))


def by_perturbation(cells: Iterable[PerturbationRecord]) -> dict[str, list[PerturbationRecord]]:
    """The cells of each perturbation by strength, perturbations in their order."""
    groups: dict[str, list[PerturbationRecord]] = {}
    for cell in cells:
        groups.setdefault(cell.perturbation, []).append(cell)
    return {name: sorted(group, key=lambda cell: cell.strength) for name, group in groups.items()}


@dataclass(frozen=True)
class References:
    """Errors of a named classifier, in [0, 1]: of each corruption the mean over severities 1 to 5, and ``clean``."""

    name: str
    clean: float
    errors: dict[str, float]


@dataclass(frozen=True)
class CorruptionError:
    """Of one corruption, means over severities 1 to 5; ``normalised`` ones are divided by a reference's."""

    corruption: str
    error: float
    relative: float  # what is added to the clean error
    normalised: float | None
    relative_normalised: float | None


def corruption_errors(
    cells: Iterable[PerturbationRecord], labels: Sequence[int], clean: Rate, references: References | None
) -> list[CorruptionError]:
    """Of each corruption that has all five severities; the paper's section 4.2."""
    at_rest = 1 - (clean.value or 0.0)
    found = []
    for name, group in by_perturbation(cells).items():
        at = {cell.strength: cell for cell in group if cell.unit == "severity"}
        if not all(severity in at for severity in range(1, 6)):
            continue
        error = fmean(1 - (at[severity].right(labels).value or 0.0) for severity in range(1, 6))
        reference = references.errors.get(name) if references else None
        extra = reference - references.clean if references and reference is not None else None
        found.append(
            CorruptionError(
                name,
                error,
                error - at_rest,
                error / reference if reference else None,
                (error - at_rest) / extra if extra else None,
            )
        )
    return found


@dataclass(frozen=True)
class MeanCorruptionError:
    """mCE and relative mCE: ``raw`` as means of errors, ``normalised`` as means of ratios, where all have them."""

    corruptions: int
    raw: float
    relative: float
    normalised: float | None
    relative_normalised: float | None


def mean_corruption_error(rows: Sequence[CorruptionError], of: Sequence[str]) -> MeanCorruptionError | None:
    """Over the corruptions named ``of``; None unless every one of them is among ``rows``."""
    chosen = [row for row in rows if row.corruption in of]
    if not of or len(chosen) < len(of):
        return None
    ratios = [row.normalised for row in chosen if row.normalised is not None]
    extras = [row.relative_normalised for row in chosen if row.relative_normalised is not None]
    return MeanCorruptionError(
        len(chosen),
        fmean(row.error for row in chosen),
        fmean(row.relative for row in chosen),
        fmean(ratios) if len(ratios) == len(chosen) else None,
        fmean(extras) if len(extras) == len(chosen) else None,
    )


def distance_correlations(
    cells: Sequence[PerturbationRecord], labels: Sequence[int]
) -> dict[Distance, RankCorrelation]:
    """Of accuracy with each mean distance over all cells, which the thesis asks about; none of fewer than 3 cells."""
    if len(cells) < FEWEST:
        return {}
    accuracy = [cell.right(labels).value or 0.0 for cell in cells]
    distances: tuple[Distance, ...] = get_args(Distance)
    return {each: rank_correlation(accuracy, [cell.mean(each) for cell in cells]) for each in distances}


@dataclass(frozen=True)
class Least:
    """How far each sample can be perturbed: of those right when clean, the least strength that made it wrong.

    ``towards`` is the end of the scale that was walked to from none, through ``steps`` even steps; ``found`` has one
    value a sample, None where no step made it wrong.
    """

    TABLE: ClassVar[str] = "least_strengths"
    KEY: ClassVar[tuple[str, ...]] = ("perturbation", "towards")

    perturbation: str
    unit: str
    none: float
    towards: float
    steps: int
    samples: tuple[int, ...]
    found: tuple[float | None, ...]

    @property
    def ladder(self) -> list[float]:
        """The strengths asked, from the one that changes nothing."""
        return ladder(self.none, self.towards, self.steps)

    def still_right(self, strength: float) -> Rate:
        """Samples that no step up to ``strength`` made wrong."""
        reach = abs(strength - self.none)
        left = sum(each is None or abs(each - self.none) > reach for each in self.found)
        return Rate(left, len(self.found))

    @property
    def median(self) -> float | None:
        """The strength by which half of the samples were wrong; None where fewer ever were."""
        ordered = sorted((each for each in self.found if each is not None), key=lambda s: abs(s - self.none))
        half = (len(self.found) + 1) // 2
        return ordered[half - 1] if 0 < half <= len(ordered) else None

    @property
    def area(self) -> float | None:
        """Mean share of samples still right from ``none`` to ``towards`` (trapezoid); 1: nothing was fooled."""
        if not self.found:
            return None
        shares = [self.still_right(strength).value or 0.0 for strength in self.ladder]
        return fmean((a + b) / 2 for a, b in pairwise(shares))


def ladder(none: float, towards: float, steps: int) -> list[float]:
    """``none`` and ``steps`` even steps from there, the last being ``towards``."""
    return [none + (towards - none) * k / steps for k in range(steps + 1)]


_CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_IMAGENET = 1_000  # classes
_REFERENCES = tomllib.loads(Path(__file__).with_name("reference_errors.toml").read_text("utf-8"))
#: The corruptions that the mean corruption error is taken over; four more are for validation (the paper's section 4.1).
STANDARD = tuple(_REFERENCES["imagenet"]["errors"])


def references(table: Literal["imagenet", "cifar"] | None, class_names: Sequence[str]) -> References | None:
    """What corruption errors of images of ``class_names`` under ``table`` may be divided by; None: nothing."""
    known = {"imagenet": len(class_names) == _IMAGENET, "cifar": tuple(class_names) == _CIFAR10}
    return References(**_REFERENCES[table]) if table is not None and known[table] else None
