"""CLEVER scores of a run: how far each image is from the nearest of another class, estimated from gradients."""

from dataclasses import dataclass
from math import isfinite
from statistics import fmean
from typing import ClassVar

from pixelproof.results.rank_correlation import FEWEST, RankCorrelation, rank_correlation
from pixelproof.results.scoreboard import Row, row
from pixelproof.runs.record import Finding, Manifest
from pixelproof.runs.store import RunStore

Pairs = tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class CleverRecord:
    """The score of one sample, all lengths in grey levels (1/255) of the run's norm; None where it is meaningless.

    ``scores`` are by class compared, ``lipschitz`` the largest slopes of their margins; ``curve`` tells the score after
    so many batches. ``reason`` and ``message`` say why there is no score. ``distance`` is the smallest that the attacks
    of another run found, infinite where they found none; None where there was no such run.
    """

    TABLE: ClassVar[str] = "clever_scores"
    KEY: ClassVar[tuple[str, ...]] = ("sample",)

    sample: int
    label: int
    score: float | None
    nearest: int | None
    scores: Pairs
    lipschitz: Pairs
    curve: Pairs
    queries: int
    gradient_steps: int
    reason: str | None
    message: str | None
    distance: float | None


@dataclass(frozen=True, eq=False)
class CleverResult:
    """A run of CLEVER, read; its records stand in the order of the samples."""

    manifest: Manifest
    records: tuple[CleverRecord, ...]

    @property
    def norm(self) -> str:
        return str(self.manifest.settings["norm"])

    @property
    def radius(self) -> float:
        return float(self.manifest.settings["radius"])

    @property
    def batches(self) -> int:
        return int(self.manifest.settings["batches"])

    @property
    def batch_samples(self) -> int:
        return int(self.manifest.settings["batch_samples"])

    @property
    def target(self) -> str:
        return str(self.manifest.settings["target"])

    @property
    def findings(self) -> tuple[Finding, ...]:
        return self.manifest.findings

    @property
    def compared(self) -> bool:
        """Whether the scores stand beside distances that attacks found."""
        return any(each.distance is not None for each in self.records)

    @property
    def meaningful(self) -> list[float]:
        """The scores there are."""
        return [each.score for each in self.records if each.score is not None]

    @property
    def halfway(self) -> tuple[int, float] | None:
        """After half of the batches or a few more, how many and the mean score; None where there are no scores."""
        curves = [each.curve for each in self.records if each.curve]
        if not curves:
            return None
        count = next(count for count, _ in curves[0] if 2 * count >= self.batches)
        return count, fmean(dict(curve)[count] for curve in curves)

    @property
    def correlation(self) -> RankCorrelation | None:
        """Of the scores with the distances found; None where too few scores are meaningful."""
        pairs = [(e.score, e.distance) for e in self.records if e.score is not None and e.distance is not None]
        if len(pairs) < FEWEST:
            return None
        scores, far = zip(*pairs, strict=True)
        return rank_correlation(scores, far, int(self.manifest.settings["seed"]))

    def class_name(self, label: int) -> str:
        names = self.manifest.data.class_names
        return names[label] if label < len(names) else str(label)

    def rows(self) -> list[Row]:
        """A row of a scoreboard for each sample, and one for the correlation."""
        rows = list(map(self._row, self.records))
        if (found := self.correlation) is not None:
            rows.append(
                row(
                    "rank correlation of scores and distances found",
                    found.rho,
                    "Spearman's ρ",
                    interval=[found.low, found.high],
                    p_value=found.p_value,
                    samples=found.samples,
                )
            )
        return rows

    def _row(self, each: CleverRecord) -> Row:
        return row(
            f"CLEVER of sample {each.sample}",
            each.score,
            f"grey levels of {self.norm}",
            sample=each.sample,
            label=each.label,
            nearest=each.nearest,
            scores=dict(each.scores),
            lipschitz=dict(each.lipschitz),
            curve=each.curve,
            reason=each.message,
            distance=None if each.distance is None or not isfinite(each.distance) else each.distance,
        )


def clever_result(run: RunStore) -> CleverResult:
    """What ``run``, of CLEVER, says."""
    manifest = run.manifest
    order = {sample: k for k, sample in enumerate(manifest.selection.samples)}
    records = sorted(run.of(CleverRecord), key=lambda each: order[each.sample])
    return CleverResult(manifest, tuple(records))
