"""Everything the page on perturbations says, as values read from the run: the page is written from them alone."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pixelproof.data.imageset import UInt8Array
from pixelproof.results.intervals import Rate
from pixelproof.results.perturbations import (
    STANDARD,
    CorruptionError,
    Distance,
    Least,
    MeanCorruptionError,
    PerturbationRecord,
    References,
    Standing,
    WorstCase,
    corruption_errors,
    distance_correlations,
    mean_corruption_error,
    references,
    standings,
)
from pixelproof.results.rank_correlation import RankCorrelation
from pixelproof.results.scoreboard import Row, row
from pixelproof.runs.record import Finding, Manifest
from pixelproof.runs.store import RunStore

#: How the distances are written.
DISTANCE_TITLES: Mapping[Distance, str] = {"l1": "L1", "l2": "L2", "linf": "L∞", "ssim": "SSIM"}


@dataclass(frozen=True, eq=False)
class PerturbView:
    """A run of perturbations, read; ``pictures`` are of one sample, by perturbation and strength, uint8 H×W×C."""

    manifest: Manifest
    cells: tuple[PerturbationRecord, ...]
    clean_picture: UInt8Array
    pictures: Mapping[tuple[str, float], UInt8Array]
    least: tuple[Least, ...]
    worst_case: WorstCase | None

    @property
    def labels(self) -> Sequence[int]:
        return self.manifest.selection.labels

    @property
    def clean_answers(self) -> Sequence[int]:
        """The classes said of the samples as they are."""
        answers: list[int] = self.manifest.details["clean"]
        return answers

    @property
    def clean(self) -> Rate:
        return Rate(sum(a == b for a, b in zip(self.clean_answers, self.labels, strict=True)), len(self.labels))

    @property
    def finished(self) -> bool:
        return self.manifest.status == "finished"

    @property
    def findings(self) -> Sequence[Finding]:
        return self.manifest.findings

    @cached_property
    def standings(self) -> list[Standing]:
        return standings(self.cells, self.labels, self.clean)

    @property
    def perturbed(self) -> float | None:
        """Mean accuracy over all perturbations, each counted once."""
        return sum(row.accuracy for row in self.standings) / len(self.standings) if self.standings else None

    @cached_property
    def references(self) -> References | None:
        return references(self.manifest.details["table"], list(self.manifest.data.class_names))

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
    """The view of the run in ``folder``. Raises ``RunError`` where there is none."""
    with RunStore.open(folder) as run:
        return perturb_view(run)


def perturb_view(run: RunStore) -> PerturbView:
    """What ``run`` says, in the order of its steps, whichever was through first."""
    manifest = run.manifest
    place = {step: number for number, step in enumerate(manifest.details["steps"])}
    cells = sorted(run.of(PerturbationRecord), key=lambda c: place[f"{c.perturbation} {c.strength:g}"])
    least = sorted(run.of(Least), key=lambda each: place[f"{each.perturbation} towards {each.towards:g}"])
    pictures = {(c.perturbation, c.strength): image for c in cells if (image := run.image(c)) is not None}
    clean = run.clean(manifest.selection.samples[manifest.details["shown"]])
    return PerturbView(manifest, tuple(cells), clean, pictures, tuple(least), next(iter(run.of(WorstCase)), None))


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


def rows(view: PerturbView) -> Iterator[Row]:
    """What perturbations did as rows of a scoreboard, as they are kept in ``results/perturb.json``."""
    clean = view.clean
    yield _row("clean accuracy", clean.value, successes=clean.successes, total=clean.total)
    for each in view.standings:
        cells = [cell for cell in view.cells if cell.perturbation == each.perturbation]
        by_strength = {f"{cell.strength:g}": _percent(cell.right(view.labels).value) for cell in cells}
        yield _row(
            f"accuracy: {each.perturbation}",
            each.accuracy,
            perturbation=each.perturbation,
            unit_of_strength=cells[0].unit,
            by_strength=by_strength,
            mean_l2={f"{cell.strength:g}": round(cell.mean("l2"), 1) for cell in cells},
            milliseconds=round(1000 * each.seconds, 3),
        )
    mean = view.mean_corruption_error
    if mean is not None:
        normalised = None if mean.normalised is None else _percent(mean.normalised)
        name = None if view.references is None else view.references.name
        yield _row("mean corruption error", mean.raw, "% of mistakes", relative=_percent(mean.relative)) | {
            "normalised": normalised,
            "references": name,
        }
    if view.worst_case is not None:
        right = view.worst_case.right(view.labels)
        yield _row("spatial worst case", right.value, candidates=view.worst_case.candidates, total=right.total)


def _row(claim: str, share: float | None, unit: str = "% right", **more: Any) -> Row:
    return row(claim, _percent(share), unit, **more)


def _percent(share: float | None) -> float | None:
    return None if share is None else round(100 * share, 2)
