"""CLEVER of a network beside the distances at which attacks fooled it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, isfinite
from statistics import fmean
from typing import TYPE_CHECKING

from pixelproof.results.intervals import Rate

if TYPE_CHECKING:
    from pixelproof.results.rank_correlation import RankCorrelation

#: Of a row that takes each sample's smallest distance over all attacks.
ANY = "any attack"


@dataclass(frozen=True)
class CleverRow:
    """Scores of the samples of a bare ``model`` beside what one ``attack`` found; grey levels of ``norm``."""

    model: str
    target: str
    norm: str
    attack: str  # its spec, or ``ANY``
    scored: Rate  # samples for which CLEVER means something
    mean_score: float | None
    found: Rate  # samples that were fooled
    mean_distance: float | None  # of those
    correlation: RankCorrelation | None  # over the samples scored; None where they are too few

    @property
    def rho(self) -> float | None:
        """Spearman's ρ; None where there is none."""
        return None if self.correlation is None else self.correlation.rho


def paired(
    scores: Mapping[int, float | None], distances: Mapping[int, float]
) -> tuple[Sequence[float], Sequence[float]]:
    """The scores of the samples that have one, and their distances, infinite where nothing was found."""
    known = {sample: score for sample, score in scores.items() if score is not None}
    return list(known.values()), [distances.get(sample, inf) for sample in known]


def clever_row(
    place: tuple[str, str, str, str],
    scores: Mapping[int, float | None],
    distances: Mapping[int, float],
    correlation: RankCorrelation | None,
) -> CleverRow:
    """The row of the model, target, norm and attack in ``place``; ``scores`` and ``distances`` by sample."""
    known = [score for score in scores.values() if score is not None]
    far = [distance for distance in distances.values() if isfinite(distance)]
    return CleverRow(
        *place,
        scored=Rate(len(known), len(scores)),
        mean_score=fmean(known) if known else None,
        found=Rate(len(far), len(scores)),
        mean_distance=fmean(far) if far else None,
        correlation=correlation,
    )
