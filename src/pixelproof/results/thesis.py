"""The thesis's table and claims beside what is measured here: pure functions of results.

Chaparro Quiñones, "Robustness Analysis of Deep Neural Networks for Computer Vision", Tallinn University of Technology,
2020, tables 8 and 9 and chapter 10. The rules by which claims are judged are ours, stated with each.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from pixelproof.results.claim import Number, PaperClaim
from pixelproof.results.intervals import Rate
from pixelproof.results.perturbations import Distance, Standing
from pixelproof.results.rank_correlation import RankCorrelation


@dataclass(frozen=True)
class Published:
    """Accuracies in percent, and the seconds that PGD took on ten images."""

    clean: float
    perturbed: float
    pgd: float
    pgd_seconds: float


PUBLISHED: Mapping[str, Published] = {
    "Pentomino": Published(89.98, 42.816, 98.19, 146),
    "Imagewoof-160": Published(99.64, 66.56, 57.73, 158),
    "MNIST": Published(99.99, 72.50, 23.96, 134),
    "Imagenette-160": Published(99.99, 73.11, 29.99, 145),
}


@dataclass(frozen=True)
class DataSetResult:
    """What was measured on one data set. ``grey``: its images have no colours, whatever channels they have."""

    name: str
    grey: bool
    test: Rate  # right of the whole test set
    clean: Rate  # right of the samples, when clean
    standings: tuple[Standing, ...]  # strongest first
    correlations: Mapping[Distance, RankCorrelation]
    pgd: Rate  # right of the samples, after PGD
    perturb_seconds: float  # of all perturbations on all samples, the model's answers left out
    pgd_seconds: float

    @property
    def perturbed(self) -> float:
        """Mean accuracy over the perturbations."""
        return fmean(row.accuracy for row in self.standings)

    def standing(self, perturbation: str) -> Standing:
        return next(row for row in self.standings if row.perturbation == perturbation)


#: Points of accuracy that a perturbation may cost a data set that is called immune to it.
IMMUNE = 0.05
_TWO_STRONGEST = PaperClaim(
    "rotation-and-jitter",
    "Rotation and jitter are the strongest of the five perturbations.",
    "By mean accuracy over strengths, averaged over the data sets, rotation and jitter are the lowest two.",
)
_GREY = PaperClaim(
    "grey-immune",
    "Grey images withstand contrast and brightness, but not RGB randomise.",
    f"On grey data sets the mean drop of accuracy under contrast and under brightness is at most {100 * IMMUNE:g} "
    "points, and under RGB randomise more.",
)
_HARDER = PaperClaim(
    "harder-is-weaker",
    "A harder data set is less robust.",
    "The data set with the lowest accuracy on its test set loses most of its accuracy on average over the "
    "perturbations.",
)
_DISTANCES = PaperClaim(
    "no-correlation",
    "No Lp distance goes consistently together with accuracy.",
    "For L1, L2 and L∞ alike, over the data sets the rank correlation of accuracy and mean distance is not below −0.5 "
    "everywhere.",
)
_PGD = PaperClaim(
    "pgd-strong",
    "PGD lowers the accuracy on every data set but Pentomino.",
    "After PGD fewer of the samples are right than when clean, on every data set but Pentomino; on Pentomino no fewer.",
)
_CONSISTENT = -0.5


def thesis_claims(subjects: Sequence[DataSetResult]) -> list[PaperClaim]:
    """The claims judged from what was measured; where data are missing, some cannot be said."""
    return [_strongest(subjects), _grey(subjects), _harder(subjects), _distances(subjects), _pgd(subjects)]


def _strongest(subjects: Sequence[DataSetResult]) -> PaperClaim:
    if not subjects:
        return _TWO_STRONGEST.undecided("No data set was measured.")
    names = [row.perturbation for row in subjects[0].standings]
    means = {name: fmean(subject.standing(name).accuracy for subject in subjects) for name in names}
    order = sorted(means, key=lambda name: means[name])
    numbers: list[Number] = [(f"{name}, mean accuracy in %", 100 * means[name]) for name in order]
    return _TWO_STRONGEST.judged(set(order[:2]) == {"rotation", "jitter"}, numbers)


def _grey(subjects: Sequence[DataSetResult]) -> PaperClaim:
    grey = [subject for subject in subjects if subject.grey]
    if not grey:
        return _GREY.undecided("No data set of grey images was measured.")
    drops = {
        name: [subject.standing(name).drop for subject in grey]
        for name in ("logit-contrast", "logit-brightness", "rgb-randomise")
    }
    numbers: list[Number] = [
        (f"{subject.name}, {name}, points lost", 100 * drop)
        for name, values in drops.items()
        for subject, drop in zip(grey, values, strict=True)
    ]
    immune = max(drops["logit-contrast"] + drops["logit-brightness"]) <= IMMUNE
    return _GREY.judged(immune and min(drops["rgb-randomise"]) > IMMUNE, numbers)


def _harder(subjects: Sequence[DataSetResult]) -> PaperClaim:
    if len(subjects) < 2:
        return _HARDER.undecided("It takes two data sets to compare.")
    hardest = min(subjects, key=lambda subject: subject.test.value or 0.0)
    losses = {subject.name: (subject.clean.value or 0.0) - subject.perturbed for subject in subjects}
    numbers: list[Number] = []
    for subject in subjects:
        numbers.append((f"{subject.name}, test set", subject.test))
        numbers.append((f"{subject.name}, points lost", 100 * losses[subject.name]))
    return _HARDER.judged(losses[hardest.name] == max(losses.values()), numbers)


def _distances(subjects: Sequence[DataSetResult]) -> PaperClaim:
    found: dict[Distance, list[float]] = {"l1": [], "l2": [], "linf": []}
    numbers: list[Number] = []
    titles = {"l1": "L1", "l2": "L2", "linf": "L∞"}
    for subject in subjects:
        for norm, values in found.items():
            correlation = subject.correlations.get(norm)
            if correlation is not None and correlation.rho is not None:
                values.append(correlation.rho)
                numbers.append((f"{subject.name}, {titles[norm]}", correlation.rho))
    if min(map(len, found.values())) < 2:
        return _DISTANCES.undecided("It takes two data sets to speak of consistency.", numbers)
    return _DISTANCES.judged(not any(max(values) < _CONSISTENT for values in found.values()), numbers)


def _pgd(subjects: Sequence[DataSetResult]) -> PaperClaim:
    others = [subject for subject in subjects if subject.name != "Pentomino"]
    shapes = [subject for subject in subjects if subject.name == "Pentomino"]
    numbers: list[Number] = [(f"{subject.name}, right after PGD", subject.pgd) for subject in subjects]
    if not others or not shapes:
        return _PGD.undecided("Pentomino and another data set are needed.", numbers)
    lowered = all(subject.pgd.successes < subject.clean.successes for subject in others)
    spared = all(subject.pgd.successes >= subject.clean.successes for subject in shapes)
    return _PGD.judged(lowered and spared, numbers)
