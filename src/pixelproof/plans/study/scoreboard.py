"""The figures of a study as rows of a scoreboard, as they are kept in ``results/study.json``."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from pixelproof.plans.study.view import StudyView
from pixelproof.results import study
from pixelproof.results.intervals import Rate
from pixelproof.results.scoreboard import Row, rate_row, row
from pixelproof.results.study import PaperClaim


def rows(view: StudyView) -> list[Row]:
    """Claims, the share that one norm alone reveals, the main table, norms by network, areas, and the transfer matrix.

    ``holds`` is None where nothing was promised, and for a claim that cannot be judged.
    """
    return [*_claims(view), *_one_norm(view), *_levels(view), *_dualities(view), *_areas(view), *_transfers(view)]


def _claims(view: StudyView) -> Iterator[Row]:
    for claim in study.claims(view.assessed):
        holds = {"held": True, "not held": False}.get(claim.verdict)
        numbers = {name: _plain(value) for name, value in claim.numbers}
        yield row(f"claim: {claim.text}", claim.verdict, "verdict", "held", holds, **_reason(claim), numbers=numbers)


def _reason(claim: PaperClaim) -> Row:
    return {"reason": claim.reason} if claim.reason else {}


def _one_norm(view: StudyView) -> Iterator[Row]:
    pooled = study.one_norm_only(study.dualities(study.level_runs(view.assessed)))
    for th, rate in pooled.items():
        yield rate_row(f"one norm only, th = {th}", "% of samples fooled under one norm only", rate, threshold=th)


def _levels(view: StudyView) -> Iterator[Row]:
    table = study.main_table(study.level_runs(view.assessed))
    for line in table.lines:
        own = {"network": line.name, "defence": line.defence}
        yield rate_row(f"clean accuracy: {line.label}", "% of clean images", line.clean, **own)
        for (attack, th), rate in line.fooled.items():
            bold = line.label in table.bold[attack, th]
            extra = {"attack": attack, "threshold": th, "bold": bold, "under_attack": line.under_attack((attack, th))}
            yield rate_row(f"{line.label}: {attack}, th = {th}", "% of attacked samples fooled", rate, **own, **extra)


def _dualities(view: StudyView) -> Iterator[Row]:
    for each in study.dualities(study.level_runs(view.assessed)):
        claim = f"one norm only: {each.label}, th = {each.row.threshold}"
        parts = asdict(each.row)  # the threshold, and who fooled how many
        unit = "% of samples fooled under one norm only"
        yield rate_row(claim, unit, each.one_norm_only, network=each.label, **parts)


def _areas(view: StudyView) -> Iterator[Row]:
    for area in study.areas(view.assessed):
        found = area.minimal
        extra: Row = {"network": area.label, "attack": found.attack, "from_zero": round(found.area, 1)}
        yield row(
            f"area: {area.label}, {found.attack}",
            round(found.published_area, 1),
            "% × th, as published",
            **extra,
            samples=found.samples,
            never_fooled=list(found.never),
        )


def _transfers(view: StudyView) -> Iterator[Row]:
    for cell in view.transfers:
        # ``target`` is what a row is judged by, so the network that answered is called as everywhere.
        extra = {"source": cell.source, "network": cell.target, "attack": cell.attack, "excluded": len(cell.excluded)}
        claim = f"transfer: {cell.source} to {cell.target}, {cell.attack}"
        yield rate_row(claim, "% of the source's images that fool the target", cell.fooled, **extra)


def _plain(value: Rate | float) -> Any:
    return [value.successes, value.total] if isinstance(value, Rate) else round(value, 3)
