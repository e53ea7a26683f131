"""The cells of a grid as rows of a scoreboard, as they are kept in ``results/grid.json``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pixelproof.files import write_whole
from pixelproof.plans.grid.view import GridView
from pixelproof.report.grid_tables import where

FILE = "results.json"
Row = dict[str, Any]


def write_scoreboard(view: GridView, path: Path, command: str) -> Path:
    """Write the rows of ``view`` to ``path``, with the environment of its last run; ``command`` made the grid."""
    content = {
        "environment": view.runs[-1].manifest.environment,
        "attacks": {view.short[attack]: attack for attack in view.attacks},
        "rows": [{**row, "command": command} for row in rows(view)],
    }
    return write_whole(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def rows(view: GridView) -> Iterator[Row]:
    """A row for each cell, one for each model and defence with its clean accuracy and cost, and those of CLEVER."""
    for cell in view.cells:
        place, rate = cell.place, cell.fooled
        low, high = (round(100 * share, 1) for share in (rate.interval.low, rate.interval.high))
        yield {
            "claim": f"{view.short[place.attack]} on {where(place)}, {place.way}, target {place.target}",
            "value": None if rate.value is None else round(100 * rate.value, 1),
            "unit": "% of samples fooled",
            "target": None,
            "holds": None,
            "model": place.model,
            "defence": place.defence,
            "way": place.way,
            "attack": view.short[place.attack],
            "aim": place.target,  # ``target`` is what a row is judged by
            "successes": rate.successes,
            "total": rate.total,
            "interval": [low, high],
            "mean_l2": _rounded(cell.mean_l2),
            "mean_linf": _rounded(cell.mean_linf),
            "mean_queries": _rounded(cell.mean_queries),
            "mean_gradient_steps": _rounded(cell.mean_gradient_steps),
            "seconds_per_image": _rounded(cell.seconds),
        }
    for cost in view.costs:
        yield {
            "claim": f"clean accuracy: {cost.model}{f' behind {cost.defence}' if cost.defence else ''}",
            "value": None if cost.clean.value is None else round(100 * cost.clean.value, 1),
            "unit": "% right",
            "target": None,
            "holds": None,
            "model": cost.model,
            "defence": cost.defence,
            "successes": cost.clean.successes,
            "total": cost.clean.total,
            "milliseconds": _rounded(cost.milliseconds),
        }
    for each in view.clever:
        attack = view.short.get(each.attack, each.attack)
        yield {
            "claim": f"CLEVER of {each.model} beside the distances of {attack}, target {each.target}",
            "value": _rounded(each.rho),
            "unit": "Spearman's ρ",
            "target": None,
            "holds": None,
            "model": each.model,
            "attack": attack,
            "norm": each.norm,
            "mean_score": _rounded(each.mean_score),
            "mean_distance": _rounded(each.mean_distance),
            "successes": each.found.successes,
            "total": each.found.total,
        }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
