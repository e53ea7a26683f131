"""CLEVER of the bare models of a grid, set against what the attacks of their runs found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pixelproof.results.clever import CleverResult
from pixelproof.results.distances import smallest_distances
from pixelproof.results.grid import attack_label
from pixelproof.results.grid_clever import ANY, CleverRow, clever_row, paired
from pixelproof.results.rank_correlation import FEWEST, RankCorrelation, rank_correlation
from pixelproof.runs import Record, RunStore


def clever_rows(model: str, found: CleverResult, run: RunStore) -> list[CleverRow]:
    """A row for the smallest distances over all attacks of ``run``, and one for each attack without a bound."""
    unbounded = {each["spec"] for each in run.manifest.settings["attacks"] if each["epsilon"] is None}
    groups: dict[str, list[Record]] = {ANY: run.records()}
    for record in groups[ANY]:
        if record.spec in unbounded:
            groups.setdefault(attack_label(record), []).append(record)
    scores = {each.sample: each.score for each in found.records}
    return [_row((model, found.target, attack), found, scores, records) for attack, records in groups.items()]


def _row(
    place: tuple[str, str, str], found: CleverResult, scores: Mapping[int, float | None], records: Sequence[Record]
) -> CleverRow:
    model, target, attack = place
    distances = smallest_distances(records, found.norm)
    correlation: RankCorrelation | None = None
    known, far = paired(scores, distances)
    if len(known) >= FEWEST:
        correlation = rank_correlation(known, far, found.manifest.settings["seed"])
    return clever_row((model, target, found.norm, attack), scores, distances, correlation)


def meaningless(model: str, found: CleverResult) -> list[str]:
    """A sentence on each reason for which samples of ``model`` have no score."""
    reasons = [each.message for each in found.records if each.message is not None]
    return [
        f"CLEVER is meaningless for {reasons.count(reason)} of {len(found.records)} samples of {model}: {reason}"
        for reason in dict.fromkeys(reasons)
    ]
