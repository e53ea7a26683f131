"""What perturbations did as rows of a scoreboard, as they are kept in ``results/perturb.json``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pixelproof.files import write_whole
from pixelproof.results.perturb_view import PerturbView

FILE = "results.json"
Row = dict[str, Any]


def write_scoreboard(view: PerturbView, path: Path, command: str) -> Path:
    """Write the rows of ``view`` to ``path``, with their environment; ``command`` measured them."""
    rows = [{**row, "target": None, "holds": None, "command": command} for row in _rows(view)]
    content = {"environment": view.head["environment"], "rows": rows}
    return write_whole(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def _rows(view: PerturbView) -> Iterator[Row]:
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
        right = view.worst_case.right
        yield _row("spatial worst case", right.value, candidates=view.worst_case.candidates, total=right.total)


def _row(claim: str, share: float | None, unit: str = "% right", **more: Any) -> Row:
    return {"claim": claim, "value": _percent(share), "unit": unit, **more}


def _percent(share: float | None) -> float | None:
    return None if share is None else round(100 * share, 2)
